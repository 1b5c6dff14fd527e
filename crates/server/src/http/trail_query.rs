//! The query of `GET /events` in the older Audit Trail API (wire contract §7). Names may have commas, so lists are only ever repeated.

use std::ops::Bound;

use annals_core::ids::AuditEventId;
use annals_core::time::Micros;
use annals_engine::audit_events::{ActionPattern, AuditTrailFilter, Between, Filter};
use annals_engine::{ListQuery, Order};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::audit_log_events::filter::{ENTRIES_MAX, search};
use super::problem::Problem;
use super::query::Parameters;

/// Answers show milliseconds.
const SHOWN_MICROS: i64 = 1000;

/// Which events of the older API, and which page of them.
pub struct TrailQuery {
    pub filter: Filter,
    pub page: ListQuery<AuditEventId>,
}

impl<S: Send + Sync> FromRequestParts<S> for TrailQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&Parameters::of(parts))
    }
}

impl TrailQuery {
    pub fn of(parameters: &Parameters) -> Result<Self, Problem> {
        let texts = |name| texts(parameters, name);
        let marks = AuditTrailFilter { groups: texts("group")?, action_types: lower_case(texts("action_type")?) };
        let filter = Filter {
            audit_trail: Some(marks),
            actions: texts("action")?.into_iter().map(ActionPattern::Exact).collect(),
            actor_names: texts("actor_name")?,
            actor_ids: texts("actor_id")?,
            target_names: texts("target_name")?,
            target_ids: texts("target_id")?,
            occurred: occurred(parameters)?,
            search: search(parameters)?,
            ..Filter::everything()
        };
        let mut page = parameters.list_query()?;
        // What this API always did when it was not asked.
        if parameters.get("order").is_none() {
            page.order = Order::Normal;
        }
        Ok(Self { filter, page })
    }
}

fn texts(parameters: &Parameters, name: &str) -> Result<Vec<String>, Problem> {
    let texts: Vec<_> = parameters.texts(name).into_iter().map(str::to_owned).collect();
    if texts.len() > ENTRIES_MAX {
        return Err(Problem::wrong_parameter(name, format_args!("must have at most {ENTRIES_MAX} items")));
    }
    Ok(texts)
}

fn lower_case(texts: Vec<String>) -> Vec<String> {
    texts.into_iter().map(|text| text.to_ascii_lowercase()).collect()
}

/// All bounds together: the latest beginning and the earliest end, both inclusive. They compare what answers show, which are whole
/// milliseconds: the time of an event that was read finds that event again, and `occurred_at_gt` passes it over.
fn occurred(parameters: &Parameters) -> Result<Between, Problem> {
    let time = |name| time(parameters, name);
    let exactly = time("occurred_at")?;
    let from = [exactly, time("occurred_at_gt")?.map(after_shown), time("occurred_at_gte")?.map(first_shown)];
    let to = [
        exactly.map(|at| if at == first_shown(at) { after_shown(at) - 1 } else { at }),
        time("occurred_at_lt")?.map(|at| first_shown(at) - 1),
        time("occurred_at_lte")?.map(|at| after_shown(at) - 1),
    ];
    let bound = |at: Option<i64>| at.map_or(Bound::Unbounded, |at| Bound::Included(Micros::saturating(at)));
    Ok((bound(from.into_iter().flatten().max()), bound(to.into_iter().flatten().min())))
}

/// The first instant that is shown as this one or a later one.
fn first_shown(at: i64) -> i64 {
    (at + SHOWN_MICROS - 1).div_euclid(SHOWN_MICROS) * SHOWN_MICROS
}

/// The first instant that is shown as a later one.
fn after_shown(at: i64) -> i64 {
    (at.div_euclid(SHOWN_MICROS) + 1) * SHOWN_MICROS
}

fn time(parameters: &Parameters, name: &str) -> Result<Option<i64>, Problem> {
    let time = parameters.get(name).map(str::parse::<Micros>).transpose();
    time.map(|time| time.map(Micros::get)).map_err(|error| Problem::wrong_parameter(name, error))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn query(query: &str) -> Result<TrailQuery, Problem> {
        let (parts, ()) = Request::builder().uri(format!("/events{query}")).body(()).unwrap().into_parts();
        TrailQuery::of(&Parameters::of(&parts))
    }

    fn filter(text: &str) -> Filter {
        query(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}")).filter
    }

    fn at(text: &str) -> Bound<Micros> {
        Bound::Included(text.parse().unwrap())
    }

    #[test]
    fn names_keep_their_commas() {
        for text in ["?group=a%2Cb&group=c", "?group[]=a,b&group[]=c", "?group%5B%5D=a,b&group=c&group=c&group="] {
            assert_eq!(filter(text).audit_trail.unwrap().groups, ["a,b", "c"], "{text}");
        }
        let all = filter("?action=a.*&action_type=R&action_type[]=d&actor_name=n&actor_id=i&target_name=t&target_id=u&search=s");
        let marks = AuditTrailFilter { groups: Vec::new(), action_types: vec!["r".to_owned(), "d".to_owned()] };
        let expected = Filter {
            audit_trail: Some(marks),
            actions: vec![ActionPattern::Exact("a.*".to_owned())],
            actor_names: vec!["n".to_owned()],
            actor_ids: vec!["i".to_owned()],
            target_names: vec!["t".to_owned()],
            target_ids: vec!["u".to_owned()],
            search: Some("s".to_owned()),
            ..Filter::everything()
        };
        assert_eq!(all, expected);
    }

    #[test]
    fn bounds_of_time_narrow_from_both_sides() {
        use Bound::Unbounded;
        for (text, expected) in [
            ("", (Unbounded, Unbounded)),
            ("?occurred_at=2020-01-01", (at("2020-01-01"), at("2020-01-01T00:00:00.000999Z"))),
            ("?occurred_at=2020-01-01T00:00:00.000001Z", (at("2020-01-01T00:00:00.000001Z"), at("2020-01-01T00:00:00.000001Z"))),
            ("?occurred_at_gt=2020-01-01", (at("2020-01-01T00:00:00.001Z"), Unbounded)),
            ("?occurred_at_gt=2020-01-01T00:00:00.0001Z", (at("2020-01-01T00:00:00.001Z"), Unbounded)),
            ("?occurred_at_gte=2020-01-01T00:00:00-05:00", (at("2020-01-01T05:00:00Z"), Unbounded)),
            ("?occurred_at_gte=2020-01-01T00:00:00.0001", (at("2020-01-01T00:00:00.001Z"), Unbounded)),
            ("?occurred_at_lt=2020-01-01", (Unbounded, at("2019-12-31T23:59:59.999999Z"))),
            ("?occurred_at_lt=2020-01-01T00:00:00.0001", (Unbounded, at("2020-01-01T00:00:00.000999Z"))),
            ("?occurred_at_lte=2020-01-01", (Unbounded, at("2020-01-01T00:00:00.000999Z"))),
            ("?occurred_at_lt=1969-12-31T23:59:59.9991", (Unbounded, at("1969-12-31T23:59:59.999999Z"))),
            (
                "?occurred_at_gte=2020-01-01&occurred_at_gt=2020-01-02&occurred_at_lt=2020-01-04&occurred_at_lte=2020-01-03",
                (at("2020-01-02T00:00:00.001Z"), at("2020-01-03T00:00:00.000999Z")),
            ),
        ] {
            assert_eq!(filter(text).occurred, expected, "{text}");
        }
    }

    #[test]
    fn the_order_is_normal_unless_it_is_asked_for() {
        for (text, order) in [
            ("", Order::Normal),
            ("?order=", Order::Normal),
            ("?order=asc", Order::Asc),
            ("?order=desc", Order::Desc),
            ("?order=Order.Desc", Order::Desc),
            ("?order=normal", Order::Normal),
        ] {
            let page = query(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}")).page;
            assert_eq!((page.order, page.limit), (order, 10), "{text}");
        }
    }

    #[test]
    fn wrong_parameters_are_refused() {
        let many = "group=g&".repeat(3) + &(0..101).map(|n| format!("group={n}&")).collect::<String>();
        for text in [
            "occurred_at=now",
            "occurred_at_lte=5",
            "limit=0",
            "order=up",
            "after=event_1",
            &many,
            &format!("search={}", "s".repeat(257)),
        ] {
            assert!(query(&format!("?{text}")).is_err(), "{text}");
        }
    }
}
