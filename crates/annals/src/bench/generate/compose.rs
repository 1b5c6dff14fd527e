//! Makes event number n. A pure function of the plan, the number and the time of arrival, so a retry is made again and not
//! remembered.

use std::sync::Arc;

use super::catalog::{ACTIONS, Action, TargetKind};
use super::draw::{Draw, Subject};
use super::event::{Context, Event, Metadata, json_bytes};
use super::ids::push_uuid;
use super::metadata::{KEYS_BETWEEN_ACTIONS, ROLE_KEY, add_short, add_text, short_keys_wanted, text_keys_for};
use super::plan::Plan;
use super::population::{Member, Organization, Population};
use super::time::{DAY, SECOND};
use super::zipf::Zipf;

const ACTION_EXPONENT: f64 = 1.3;

/// Log-normal: half of the requests are below the median, 1 % are above 3.3 times as much.
const REQUEST_BYTES_MEDIAN: f64 = 540.0;
const REQUEST_BYTES_DEVIATION: f64 = 0.51;
const HUGE_REQUEST_BYTES: usize = 32 * 1024;
const HUGE_SHARE: f64 = 0.000_1;
/// `{"organization_id":"org_` + 26 + `","event":` + `}`
pub const REQUEST_FRAME_BYTES: usize = 61;

const LATE_SHARE: f64 = 0.01;
const VERY_LATE_SHARE: f64 = 0.001;

/// Whether a body is the first that its key was used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Original,
    Changed,
}

pub struct Composer {
    plan: Plan,
    population: Population,
    by_frequency: Zipf,
}

pub struct Composed {
    pub organization: Arc<Organization>,
    pub idempotency_key: String,
    pub event: Event,
}

impl Composer {
    pub fn new(plan: &Plan) -> Composer {
        Composer {
            plan: plan.clone(),
            population: Population::new(plan),
            by_frequency: Zipf::new(ACTIONS.len(), ACTION_EXPONENT),
        }
    }

    pub fn population(&self) -> &Population {
        &self.population
    }

    /// `arrives_at` is the arrival of the first delivery, also for a retry.
    pub fn compose(&self, number: u64, arrives_at: u64, body: Body) -> Composed {
        let mut draw = Draw::of(self.plan.seed, Subject::Event, &[number]);
        let organization = self.population.organization(&mut draw);
        let Member { entity: actor, location, user_agent } = self.population.member(organization, &mut draw);
        let action_rank = self.by_frequency.rank(&mut draw, ACTIONS.len());
        let action = &ACTIONS[action_rank];
        let mut occurred_at = arrives_at - delay(&mut draw).min(arrives_at);
        let request_bytes = request_bytes(&mut draw);
        let targets = action.targets.iter().map(|kind| match kind {
            TargetKind::Oneself if actor.kind == TargetKind::Oneself.wire_name() => actor.clone(),
            kind => self.population.target(*kind, organization, occurred_at / 1_000_000, &mut draw),
        });
        let targets = targets.collect();

        let mut details = Draw::of(self.plan.seed, Subject::Details, &[number, body as u64]);
        if body == Body::Changed {
            // A client that stamps each try anew and wrongly keeps the key.
            occurred_at += SECOND / 1_000 * (1 + details.below(999));
        }
        let occurred_at = action.service.time_form().write(occurred_at);

        let mut event = Event {
            action: action.name,
            occurred_at,
            actor,
            targets,
            context: Context { location, user_agent: None },
            metadata: Metadata::default(),
        };
        fill(&mut event, action_rank, user_agent, request_bytes, &mut details);
        Composed { organization: Arc::clone(organization), idempotency_key: self.key(number, action), event }
    }

    fn key(&self, number: u64, action: &Action) -> String {
        let mut key = String::with_capacity(48);
        key.push_str(action.service.key_prefix());
        push_uuid(&mut key, &mut Draw::of(self.plan.seed, Subject::IdempotencyKey, &[number]));
        key
    }
}

/// Keeps and adds optional members until the request has its size. An event without any may be larger than that.
fn fill(event: &mut Event, action: usize, user_agent: &'static str, request_bytes: usize, draw: &mut Draw) {
    let mut room = request_bytes.saturating_sub(REQUEST_FRAME_BYTES + json_bytes::without_options(event));
    let short_keys = short_keys_wanted(text_keys_for(room), draw);
    keep(&mut event.actor.name, draw.chance(0.85), &mut room);
    if draw.chance(0.75) && take(&mut room, json_bytes::USER_AGENT + user_agent.len()) {
        event.context.user_agent = Some(user_agent);
    }
    add_short(&mut event.metadata, action * KEYS_BETWEEN_ACTIONS, short_keys, &mut room, draw);
    for target in &mut event.targets {
        keep(&mut target.name, draw.chance(0.6), &mut room);
    }
    if draw.chance(0.12) {
        add_short(&mut event.actor.metadata, ROLE_KEY, 1, &mut room, draw);
    }
    add_text(&mut event.metadata, &mut room, draw);
    // Only the huge ones have anything left here.
    add_text(&mut event.targets[0].metadata, &mut room, draw);
}

fn keep(name: &mut Option<String>, is_wanted: bool, room: &mut usize) {
    name.take_if(|name| !is_wanted || !take(room, json_bytes::NAME + name.len()));
}

fn take(room: &mut usize, bytes: usize) -> bool {
    let left = room.checked_sub(bytes);
    *room = left.unwrap_or(*room);
    left.is_some()
}

/// How long after it happened an event arrives: the network in most cases, an outage or an import in some.
fn delay(draw: &mut Draw) -> u64 {
    let point = draw.unit();
    let longest = if point < VERY_LATE_SHARE {
        30 * DAY
    } else if point < LATE_SHARE + VERY_LATE_SHARE {
        DAY
    } else {
        return SECOND / 1_000 * (2 + (40.0 * draw.exponential()) as u64) + draw.below(SECOND / 1_000);
    };
    draw.below(longest)
}

fn request_bytes(draw: &mut Draw) -> usize {
    if draw.chance(HUGE_SHARE) {
        return HUGE_REQUEST_BYTES;
    }
    let bytes = REQUEST_BYTES_MEDIAN * (REQUEST_BYTES_DEVIATION * draw.normal()).exp();
    // Beyond this the huge ones are meant.
    bytes.min(HUGE_REQUEST_BYTES as f64 / 4.0) as usize
}
