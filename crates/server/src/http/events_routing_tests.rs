//! One case for each row of the tables in wire contract §7.

use axum::http::Request;

use super::*;

fn check(query: &str, agent: &str, side: Side) {
    let request = Request::builder().uri(format!("/events{query}")).header("user-agent", agent).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    assert_eq!(Side::of(&parts, EventsSide::Auto), side, "{query} of {agent}");
    assert_eq!(Side::of(&parts, EventsSide::AuditTrail), Side::AuditTrail, "{query} of {agent}, forced");
    assert_eq!(Side::of(&parts, EventsSide::Events), Side::Events, "{query} of {agent}, forced");
}

/// Clients whose bare request is the older API's, and ones whose is not.
const OLD: &str = "workos-node/3.9.3";
const NEW: &str = "workos-node/7.0.0";

#[test]
fn rule_1_parameters_of_the_events_api() {
    for name in ["events", "events[]", "events%5B%5D", "range_start", "range_end", "rangeStart", "rangeEnd", "organization_id"] {
        for query in
            [format!("?{name}=x"), format!("?{name}="), format!("?{name}"), format!("?group=a&search=b&{name}=x&after=evt_1")]
        {
            check(&query, OLD, Side::Events);
        }
    }
}

#[test]
fn rule_2_parameters_of_the_older_api() {
    let lists = ["group", "action", "action_type", "actor_name", "actor_id", "target_name", "target_id"];
    let times = ["occurred_at", "occurred_at_gt", "occurred_at_gte", "occurred_at_lt", "occurred_at_lte", "search"];
    for name in lists {
        check(&format!("?{name}[]=x"), NEW, Side::AuditTrail);
        check(&format!("?{name}%5B%5D=x&{name}%5B%5D=y"), NEW, Side::AuditTrail);
    }
    for name in lists.into_iter().chain(times) {
        check(&format!("?{name}=x"), NEW, Side::AuditTrail);
        check(&format!("?limit=10&{name}=x&after=event_1"), NEW, Side::AuditTrail);
    }
}

#[test]
fn rule_3_cursors() {
    for name in ["before", "after"] {
        check(&format!("?{name}=evt_01EHWNCE74X7JSDV0X3SZ3KJNY"), NEW, Side::AuditTrail);
        check(&format!("?{name}=event_01EHWNCE74X7JSDV0X3SZ3KJNY"), OLD, Side::Events);
    }
    check("?limit=10&order=desc&after=nonsense", OLD, Side::AuditTrail);
    check("?limit=10&order=desc&after=nonsense", NEW, Side::Events);
    check("?after=&before", OLD, Side::AuditTrail);
}

#[test]
fn rule_4_user_agents() {
    let older = [
        "workos-js/0.1.0",
        "workos-node/0.4.0",
        "workos-node/2.18.0",
        "workos-node/3.9.3",
        "workos-go/v0.4.0",
        "workos-go/v1.12.0",
        "workos-go/v2.4.2",
        "workos-go/2.4.2",
        "workos-go/1.0.0",
        "WorkOS; ruby/2.7.2; x86_64-darwin19; v0.11.2",
        "WorkOS; jruby/9.2; java; v1.2.0",
        "WorkOS; truffleruby/21; linux; v2.17.1",
        "WorkOS Python/0.4.1",
        "WorkOS Python/1.5.0",
        "WorkOS Python/3.8.2 Python SDK/1.27.0",
        "WorkOS Python/2.7.18 Python SDK/0.9.0",
    ];
    let newer = [
        "",
        "curl/8.5.0",
        "workos-node/4.0.0",
        "workos-node/30.0.0",
        "workos-node/",
        "workos-node/x",
        "workos-go/v3.0.0",
        "workos-go/v4.35.0",
        "workos-go/10.1.1",
        "WorkOS; ruby/3.3.0; x86_64-linux; v3.0.0",
        "WorkOS; ruby/3.3.0; x86_64-linux; v5.2.0",
        "WorkOS; ruby/3.3.0; x86_64-linux; v10.2.1",
        "WorkOS; mruby/1.0; x86_64-linux; v1.0.0",
        "WorkOS; ruby/1.9; v1.0.0",
        "WorkOS; ruby/1.9; x86_64-linux; 1.0.0",
        "WorkOS Python/2.0.0",
        "WorkOS Python/3.12.1 Python SDK/5.9.0",
        "WorkOS Python/1.0.0 Python SDK/2.0.0",
        "WorkOS Python/3.12.1 Python SDK/10.2.0",
        "workos-rust/1.0.0",
        "Mozilla/5.0 workos-node/3.0.0",
    ];
    for query in ["", "?", "?limit=10", "?limit=10&order=asc", "?order=Order.Desc", "?unknown=1", "?limit=&after"] {
        for agent in older {
            check(query, agent, Side::AuditTrail);
        }
        for agent in newer {
            check(query, agent, Side::Events);
        }
    }
}

/// The table of what each client version sends: a call of the older API without filters, and a call of the Events API.
#[test]
fn every_client_version_reaches_the_api_that_it_means() {
    use Side::{AuditTrail, Events};
    for (agent, query, side) in [
        ("workos-node/0.4.0", "", AuditTrail),
        ("workos-node/2.18.0", "", AuditTrail),
        ("workos-node/2.19.0", "", AuditTrail),
        ("workos-node/2.19.0", "?events[]=a&rangeStart=2022-01-01", Events),
        ("workos-node/2.20.0", "?events[]=a&events[]=b", Events),
        ("workos-node/3.0.0", "", AuditTrail),
        ("workos-node/3.9.3", "?events[]=a", Events),
        ("workos-node/4.0.0", "?events=a%2Cb", Events),
        ("workos-go/v2.1.2", "?limit=10", AuditTrail),
        ("workos-go/v2.4.2", "?events=a&limit=10", Events),
        ("workos-go/v3.0.0", "?events=a&limit=10", Events),
        ("workos-go/v3.0.0", "?limit=10", Events),
        ("WorkOS Python/0.4.0", "?limit=10", AuditTrail),
        ("WorkOS Python/3.8.2 Python SDK/1.24.0", "?limit=10", AuditTrail),
        ("WorkOS Python/3.8.2 Python SDK/1.27.0", "?events=a&limit=10", Events),
        ("WorkOS; ruby/2.7.2; x86_64-darwin19; v0.11.2", "?", AuditTrail),
        ("WorkOS; ruby/2.7.2; x86_64-darwin19; v2.17.0", "?", AuditTrail),
        ("WorkOS; ruby/2.7.2; x86_64-darwin19; v2.17.0", "?events=a", Events),
    ] {
        check(query, agent, side);
    }
}

#[test]
fn a_request_without_a_user_agent_is_the_events_api() {
    let (parts, ()) = Request::builder().uri("/events").body(()).unwrap().into_parts();
    assert_eq!(Side::of(&parts, EventsSide::Auto), Side::Events);
}
