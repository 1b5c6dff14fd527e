//! Holds the feed, the API-request log and the organizations against the model, when nobody writes any more.

use std::collections::{HashMap, HashSet};

use annals_client::event_names::EVERY_NAME;
use annals_client::{ApiRequestQuery, Client, Error, EventQuery};
use annals_core::wire::{ApiRequest, Event};
use futures::TryStreamExt;
use serde_json::Value;

use super::ledger::{Content, Ledger, OrganizationLife};
use super::request::markers_in;
use crate::failure::{Doing, Failure};
use crate::report::Report;

/// Markers that were found, and how often.
type Found = HashMap<String, u64>;

/// The ids of the feed, in order, and the markers in it.
pub async fn check_feed(
    client: &Client,
    ledger: &Ledger,
    report: &mut Report,
) -> Result<(Vec<String>, HashSet<String>), Failure> {
    let events = client.events().list_all(EventQuery::of([EVERY_NAME]));
    let events: Vec<Event> = events.try_collect().await.doing("cannot read the feed")?;
    let mut found = Found::new();
    for event in &events {
        let Some(marker) = event.data.get("marker").and_then(Value::as_str) else { continue };
        *found.entry(marker.to_owned()).or_default() += 1;
        let sent = Content::FeedEvent { name: event.event.clone(), data: event.data.clone() };
        report.check(ledger.content(marker).as_ref() == Some(&sent), || format!("nobody published {event:?}"));
    }
    check_found("feed event", &found, ledger, |content| matches!(content, Content::FeedEvent { .. }), report);
    for pair in events.windows(2) {
        report.check(pair[0].id < pair[1].id, || format!("the feed has {} before {}", pair[0].id, pair[1].id));
    }
    for life in ledger.organizations() {
        check_told(&life, &events, report);
    }
    Ok((events.into_iter().map(|event| event.id).collect(), found.into_keys().collect()))
}

/// A change and the events that tell of it are one transaction.
fn check_told(life: &OrganizationLife, events: &[Event], report: &mut Report) {
    let told = events.iter().filter(|event| event.data.get("id").and_then(Value::as_str) == Some(&life.id));
    let told: Vec<&str> = told.map(|event| event.event.as_str()).collect();
    let count = |name| told.iter().filter(|told| **told == name).count() as u64;
    let updates = life.updates_acknowledged.min(1)..=life.updates_sent;
    let good = count("organization.created") == 1
        && updates.contains(&count("organization.updated"))
        && count("organization.deleted") == u64::from(life.deleted)
        && told.first() == Some(&"organization.created")
        && (!life.deleted || told.last() == Some(&"organization.deleted"));
    report.check(good, || format!("the feed tells {told:?} of {life:?}"));
}

pub async fn check_api_requests(client: &Client, ledger: &Ledger, report: &mut Report) -> Result<HashSet<String>, Failure> {
    let requests = client.api_requests().list_all(ApiRequestQuery::default());
    let requests: Vec<ApiRequest> = requests.try_collect().await.doing("cannot read the API-request log")?;
    let mut found = Found::new();
    let mut ids = HashSet::new();
    let mut own: HashSet<(&str, &str)> = HashSet::new();
    for request in &requests {
        report.check(ids.insert(&request.id), || format!("{} is listed twice", request.id));
        match markers_in(&request.path).next() {
            None => drop(own.insert((&request.action, request.target.as_ref().map_or("", |target| &target.id)))),
            Some(marker) => {
                *found.entry(marker.to_owned()).or_default() += 1;
                let ApiRequest { path, action, status_code, .. } = request.clone();
                let sent = Content::ApiRequest { path, action, status_code };
                report.check(ledger.content(marker).as_ref() == Some(&sent), || format!("nobody published {request:?}"));
            }
        }
    }
    check_found("API request", &found, ledger, |content| matches!(content, Content::ApiRequest { .. }), report);
    // An answered change has its entry.
    for life in ledger.organizations() {
        let recorded = |action| own.contains(&(action, life.id.as_str()));
        let good = recorded("organization.create")
            && (life.updates_acknowledged == 0 || recorded("organization.update"))
            && (!life.deleted || recorded("organization.delete"));
        report.check(good, || format!("the API-request log misses changes of {life:?}"));
    }
    Ok(found.into_keys().collect())
}

fn check_found(what: &str, found: &Found, ledger: &Ledger, is_it: impl Fn(&Content) -> bool, report: &mut Report) {
    for marker in ledger.all_acknowledged(is_it) {
        if !found.contains_key(&marker) {
            report.count("lost", 1);
            report.fault(format!("{what} {marker} was acknowledged and is not there"));
        }
    }
    for (marker, times) in found.iter().filter(|(_, times)| **times > 1) {
        report.count("doubled", 1);
        report.fault(format!("{what} {marker} is there {times} times"));
    }
}

pub async fn check_organizations(client: &Client, ledger: &Ledger, report: &mut Report) -> Result<(), Failure> {
    for life in ledger.organizations() {
        match client.organizations().get_by_external_id(&life.external_id).await {
            Ok(found) => {
                let good = !life.deleted && found.id == life.id && found.name == life.name;
                report.check(good, || format!("{life:?} is {found:?}"));
            }
            Err(Error::NotFound(_)) => report.check(life.deleted, || format!("{life:?} is not there")),
            Err(error) => return Err(Failure::new(format!("cannot read an organization: {error}"))),
        }
    }
    Ok(())
}

/// Of a request that is stored as a whole, all records are there or none.
pub fn check_all_or_none(ledger: &Ledger, found: impl Fn(&str) -> bool, report: &mut Report) {
    for markers in ledger.all_or_none() {
        let there = markers.iter().filter(|marker| found(marker)).count();
        report.check(there == 0 || there == markers.len(), || format!("of {markers:?} only {there} are there"));
    }
}
