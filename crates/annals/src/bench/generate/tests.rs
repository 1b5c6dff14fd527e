//! The data is what its description says, and the same for ever.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use serde_json::Value;

use super::catalog::ACTIONS;
use super::compose::REQUEST_FRAME_BYTES;
use super::event::{Metadata, Value as MetadataValue, json_bytes};
use super::generator::{Delivery, GeneratedEvent};
use super::time::{DAY, SECOND, parse_day};
use super::*;

fn generator(events: u64, seed: u64) -> Generator {
    Generator::new(&Plan { seed, events, ..Plan::default() })
}

fn lines(events: impl Iterator<Item = GeneratedEvent>) -> Vec<String> {
    events.map(|event| serde_json::to_string(&event.line()).unwrap()).collect()
}

/// FNV-1a: enough to notice a change.
fn digest(lines: &[String]) -> u64 {
    let bytes = lines.iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let at_once = lines(generator(1_000, 7));
    let mut in_parts = generator(1_000, 7);
    let mut parts = Vec::new();
    loop {
        let part = lines(in_parts.by_ref().take(64));
        if part.is_empty() {
            break;
        }
        parts.extend(part);
    }
    assert_eq!(at_once, parts);
    assert_ne!(digest(&at_once), digest(&lines(generator(1_000, 8))));
    // Changes only with a change that makes old measurements incomparable: then say so in the change log.
    assert_eq!(digest(&at_once), 0x821f_8ed1_eab2_28b4);
}

#[test]
fn a_longer_run_begins_with_the_same_events_when_the_rate_is_the_same() {
    let day = Plan { events: 500, ..Plan::default() };
    let days = Plan { events: 1_000, days: NonZeroU32::new(2).unwrap(), ..Plan::default() };
    let firsts = |plan| Generator::new(plan).filter(|event| event.delivery == Delivery::First).take(500);
    assert_eq!(lines(firsts(&day)), lines(firsts(&days)));
}

#[test]
fn the_default_is_what_the_command_line_says() {
    assert_eq!(Plan::default().start, parse_day("2026-01-01").unwrap());
}

/// The margins are four deviations or more.
#[test]
fn shares_and_sizes_are_those_of_the_description() {
    const EVENTS: u32 = 80_000;
    let mut sizes = Vec::new();
    let mut actions: HashMap<&str, u32> = HashMap::new();
    let mut of_organization: HashMap<u32, u32> = HashMap::new();
    let (mut two_targets, mut late, mut with_agent, mut latest) = (0, 0, 0, 0);
    let mut deliveries = [0; 3];
    for event in generator(EVENTS.into(), 1) {
        assert!(event.arrives_at >= latest, "arrivals are in order");
        latest = event.arrives_at;
        deliveries[event.delivery as usize] += 1;
        if event.delivery != Delivery::First {
            continue;
        }
        sizes.push(serde_json::to_vec(&event.event).unwrap().len() + REQUEST_FRAME_BYTES);
        *actions.entry(event.event.action).or_default() += 1;
        *of_organization.entry(event.organization.rank).or_default() += 1;
        two_targets += u32::from(event.event.targets.len() == 2);
        with_agent += u32::from(event.event.context.user_agent.is_some());
        late += u32::from(is_late(&event));
    }
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
    for (name, value, from, to) in [
        ("mean size", mean, 600.0, 650.0),
        ("median size", sizes[sizes.len() / 2] as f64, 525.0, 550.0),
        ("99th percentile of size", sizes[sizes.len() * 99 / 100] as f64, 1_700.0, 1_850.0),
        ("huge", sizes.iter().filter(|size| **size > 30_000).count() as f64, 1.0, 22.0),
        ("actions", actions.len() as f64, 60.0, 60.0),
        ("the busiest action", f64::from(actions["document.viewed"]) / f64::from(EVENTS), 0.325, 0.35),
        ("the busiest organization", f64::from(of_organization[&0]) / f64::from(EVENTS), 0.118, 0.133),
        ("two targets", f64::from(two_targets) / f64::from(EVENTS), 0.195, 0.215),
        ("user agents", f64::from(with_agent) / f64::from(EVENTS), 0.4, 0.6),
        ("late by more than a minute", f64::from(late) / f64::from(EVENTS), 0.009_4, 0.012_6),
        ("retries", f64::from(deliveries[Delivery::Retry as usize]) / f64::from(EVENTS), 0.004_4, 0.006_6),
        ("reused keys", f64::from(deliveries[Delivery::KeyReused as usize]), 1.0, 22.0),
    ] {
        assert!((from..=to).contains(&value), "{name}: {value}");
    }
    assert!(*sizes.last().unwrap() <= 32 * 1024);
}

/// In the forms that carry no offset, so that text order is time order.
fn is_late(event: &GeneratedEvent) -> bool {
    let occurred_at = &event.event.occurred_at;
    let minute_before = time::TimeForm::MillisecondsWithoutZone.write(event.arrives_at - 60 * SECOND);
    let offset =
        occurred_at.ends_with("-05:00").then(|| time::TimeForm::NanosecondsWithOffset.write(event.arrives_at - 60 * SECOND));
    occurred_at[..19] < *offset.as_deref().unwrap_or(&minute_before).split_at(19).0
}

#[test]
fn limits_of_the_api_are_kept_also_by_the_largest() {
    let mut huge = 0;
    for event in generator(20_000, 3) {
        let value = serde_json::to_value(&event.event).unwrap();
        let entities = value["targets"].as_array().unwrap().iter().chain([&value["actor"], &value]);
        for metadata in entities.filter_map(|entity| entity["metadata"].as_object()) {
            assert!((1..=50).contains(&metadata.len()));
            for (key, value) in metadata {
                assert!(key.len() <= 40 && value.as_str().is_none_or(|text| text.chars().count() <= 500));
                assert!(!value.is_object() && !value.is_array() && !value.is_null());
            }
        }
        let keys = value["metadata"].as_object().map_or(0, |metadata| metadata.len());
        assert!(keys <= 6 || value.to_string().len() > 3_000, "{keys} keys");
        huge += u32::from(value.to_string().len() > 30_000);
    }
    assert!(huge > 0);
}

#[test]
fn events_have_the_targets_of_their_schema() {
    let schemas: HashMap<String, Value> = generator(0, 1)
        .schemas()
        .map(|schema| (schema["action"].as_str().unwrap().to_owned(), schema["targets"].clone()))
        .collect();
    assert_eq!(schemas.len(), ACTIONS.len());
    for event in generator(5_000, 1) {
        let kinds: Vec<&str> = event.event.targets.iter().map(|target| target.kind).collect();
        let expected: Vec<&str> =
            schemas[event.event.action].as_array().unwrap().iter().map(|target| target["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, expected);
    }
}

#[test]
fn a_retry_repeats_and_a_reused_key_does_not() {
    let mut first: HashMap<String, GeneratedEvent> = HashMap::new();
    let mut seen = [0; 3];
    for event in generator(30_000, 5) {
        seen[event.delivery as usize] += 1;
        match (event.delivery, first.get(&event.idempotency_key)) {
            (Delivery::First, None) => drop(first.insert(event.idempotency_key.clone(), event)),
            (Delivery::Retry, Some(before)) => {
                assert_eq!((&before.event, &before.organization), (&event.event, &event.organization));
                assert!(event.arrives_at - before.arrives_at < DAY);
            }
            (Delivery::KeyReused, Some(before)) => assert_ne!(before.event, event.event),
            (delivery, before) => panic!("{delivery:?} after {before:?}"),
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn members_keep_their_name_and_their_few_addresses() {
    let mut names: HashMap<String, HashSet<String>> = HashMap::new();
    let mut addresses: HashMap<String, HashSet<String>> = HashMap::new();
    for event in generator(20_000, 1) {
        let id = event.event.actor.id;
        names.entry(id.clone()).or_default().extend(event.event.actor.name);
        addresses.entry(id).or_default().insert(event.event.context.location);
    }
    assert!(names.values().all(|names| names.len() <= 1));
    assert!(addresses.values().all(|addresses| addresses.len() <= 3));
    assert!(addresses.values().any(|addresses| addresses.len() == 3));
    let every = || addresses.values().flatten();
    assert!(every().all(|address| address.parse::<std::net::IpAddr>().is_ok()));
    assert!(every().any(|address| address.contains(':')) && every().any(|address| address.contains('.')));
    assert!(names.values().flatten().any(|name| !name.is_ascii()));
}

#[test]
fn counted_bytes_are_written_bytes() {
    for event in generator(2_000, 2) {
        let mut event = event.event;
        let bytes = |event: &event::Event| serde_json::to_vec(event).unwrap().len();
        let with_all = bytes(&event);
        let name = event.actor.name.take();
        let without_name = bytes(&event);
        assert_eq!(with_all - without_name, name.map_or(0, |name| json_bytes::NAME + name.len()));
        let agent = event.context.user_agent.take();
        let without_agent = bytes(&event);
        assert_eq!(without_name - without_agent, agent.map_or(0, |agent| json_bytes::USER_AGENT + agent.len()));
        let metadata = std::mem::take(&mut event.metadata);
        let entries: usize = metadata.0.iter().map(|(key, value)| json_bytes::entry(key, value)).sum();
        let expected = if metadata.is_empty() { 0 } else { json_bytes::METADATA + entries };
        assert_eq!(without_agent - bytes(&event), expected, "{metadata:?}");
        event.actor.metadata = Metadata::default();
        event.targets.iter_mut().for_each(|target| (target.name, target.metadata) = (None, Metadata::default()));
        assert_eq!(bytes(&event), json_bytes::without_options(&event));
    }
    for (ratio, text) in [(0.07, "0.07"), (0.1, "0.1"), (0.29, "0.29"), (0.5, "0.5"), (0.99, "0.99")] {
        let value = MetadataValue::Ratio(ratio);
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(json_bytes::entry("k", &value), 5 + text.len());
    }
}

#[test]
fn nothing_is_generated_for_no_events() {
    assert_eq!(generator(0, 1).count(), 0);
}
