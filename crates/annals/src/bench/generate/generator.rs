//! The stream of deliveries in the order of their arrival: new events, and now and then one that was sent before. Holds only the
//! retries that are due within the next day.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::arrivals::Arrivals;
use super::catalog::ACTIONS;
use super::compose::{Body, Composed, Composer};
use super::draw::{Draw, Subject};
use super::event::Event;
use super::plan::Plan;
use super::population::Organization;
use super::time::{DAY, SECOND};

const RETRIED_WITHIN_A_MINUTE: f64 = 0.005;
const RETRIED_WITHIN_A_DAY: f64 = 0.000_5;
const KEY_REUSED: f64 = 0.000_1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    First,
    /// Same key, same body.
    Retry,
    /// Same key, other body: a server refuses it.
    KeyReused,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedEvent {
    pub organization: Arc<Organization>,
    pub idempotency_key: String,
    pub event: Event,
    pub delivery: Delivery,
    /// Nanoseconds since 1970. Never falls from one delivery to the next.
    pub arrives_at: u64,
}

/// What a delivery looks like in a file.
#[derive(Serialize)]
pub struct Line<'a> {
    organization: &'a str,
    idempotency_key: &'a str,
    event: &'a Event,
}

impl GeneratedEvent {
    pub fn line(&self) -> Line<'_> {
        Line { organization: &self.organization.external_id, idempotency_key: &self.idempotency_key, event: &self.event }
    }
}

pub struct Generator {
    composer: Composer,
    arrivals: Arrivals,
    seed: u64,
    events_left: u64,
    next_number: u64,
    next_arrives_at: u64,
    again: BinaryHeap<Reverse<Again>>,
}

/// Ordered by arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Again {
    arrives_at: u64,
    number: u64,
    first_arrived_at: u64,
    delivery: Delivery,
}

impl Generator {
    pub fn new(plan: &Plan) -> Generator {
        let mut arrivals = Arrivals::new(plan);
        Generator {
            composer: Composer::new(plan),
            seed: plan.seed,
            events_left: plan.events,
            next_number: 0,
            next_arrives_at: arrivals.next(),
            arrivals,
            again: BinaryHeap::new(),
        }
    }

    /// The busiest first.
    pub fn organizations(&self) -> &[Arc<Organization>] {
        self.composer.population().organizations()
    }

    /// `{"action":…,"targets":[{"type":…}]}`: what each action's events always have.
    pub fn schemas(&self) -> impl Iterator<Item = serde_json::Value> {
        ACTIONS.iter().map(|action| {
            let targets = action.targets.iter().map(|kind| json!({"type": kind.wire_name()}));
            json!({"action": action.name, "targets": targets.collect::<Vec<_>>()})
        })
    }

    fn first_delivery(&mut self) -> GeneratedEvent {
        let (number, arrives_at) = (self.next_number, self.next_arrives_at);
        self.next_number += 1;
        self.events_left -= 1;
        self.next_arrives_at = self.arrivals.next();
        self.again.extend(again(self.seed, number, arrives_at).map(Reverse));
        let composed = self.composer.compose(number, arrives_at, Body::Original);
        delivered(composed, Delivery::First, arrives_at)
    }

    fn deliver_again(&self, again: Again) -> GeneratedEvent {
        let body = if again.delivery == Delivery::KeyReused { Body::Changed } else { Body::Original };
        let composed = self.composer.compose(again.number, again.first_arrived_at, body);
        delivered(composed, again.delivery, again.arrives_at)
    }
}

impl Iterator for Generator {
    type Item = GeneratedEvent;

    fn next(&mut self) -> Option<GeneratedEvent> {
        let before = if self.events_left > 0 { self.next_arrives_at } else { u64::MAX };
        if self.again.peek().is_some_and(|Reverse(again)| again.arrives_at < before) {
            let Reverse(again) = self.again.pop()?;
            return Some(self.deliver_again(again));
        }
        (self.events_left > 0).then(|| self.first_delivery())
    }
}

fn delivered(composed: Composed, delivery: Delivery, arrives_at: u64) -> GeneratedEvent {
    let Composed { organization, idempotency_key, event } = composed;
    GeneratedEvent { organization, idempotency_key, event, delivery, arrives_at }
}

/// Whether, how and when an event is sent once more.
fn again(seed: u64, number: u64, first_arrived_at: u64) -> Option<Again> {
    let mut draw = Draw::of(seed, Subject::Retry, &[number]);
    let point = draw.unit();
    let (delivery, longest) = if point < RETRIED_WITHIN_A_MINUTE {
        (Delivery::Retry, 60 * SECOND)
    } else if point < RETRIED_WITHIN_A_MINUTE + RETRIED_WITHIN_A_DAY {
        // A minute less than a day, so that the key still counts when the retry is read.
        (Delivery::Retry, DAY - 60 * SECOND)
    } else if point < RETRIED_WITHIN_A_MINUTE + RETRIED_WITHIN_A_DAY + KEY_REUSED {
        (Delivery::KeyReused, 60 * SECOND)
    } else {
        return None;
    };
    let arrives_at = first_arrived_at + 1 + draw.below(longest);
    Some(Again { arrives_at, number, first_arrived_at, delivery })
}
