//! Reads the audit events in their order and holds each against the model. A walk can go on later where it stopped.

use std::collections::HashMap;

use annals_client::{AuditEventFilter, AuditEventQuery, Client, Order, Paging};
use annals_core::event::{CommittedEvent, NormalEvent, OWN_PREFIX};
use annals_core::ids::EnvironmentId;
use annals_core::wire::{AuditLogEvent, Moment};
use futures::TryStreamExt;

use super::ledger::{Content, Ledger};
use crate::failure::{Doing, Failure};
use crate::report::Report;

#[derive(Default)]
pub struct AuditWalk {
    /// Ids of everything, in the order of the log.
    pub ids: Vec<String>,
    /// Markers and the ids of their events.
    pub seen: HashMap<String, String>,
    next_seqs: HashMap<String, u64>,
    received_at: Option<Moment>,
}

impl AuditWalk {
    /// Everything that was acknowledged before must be there now.
    pub async fn go_on(&mut self, client: &Client, ledger: &Ledger, report: &mut Report) -> Result<(), Failure> {
        let acknowledged = ledger.take_newly_acknowledged();
        let filter = AuditEventFilter { received_at_min: self.received_at, ..AuditEventFilter::default() };
        let paging = Paging { order: Some(Order::Asc), ..Paging::default() };
        let mut events = std::pin::pin!(client.audit_events().list_all(AuditEventQuery { filter, paging }));
        while let Some(event) = events.try_next().await.doing("cannot read the audit events")? {
            // The last ones of the walk before were received at the same time.
            if self.ids.last().is_some_and(|last| event.id <= *last) && self.received_at.is_some_and(|at| event.received_at == at)
            {
                continue;
            }
            self.step(event, ledger, report);
        }
        for marker in acknowledged {
            if !self.seen.contains_key(&marker) && ledger.content(&marker).is_some_and(|content| content.is_audit_event()) {
                report.count("lost", 1);
                report.fault(format!("audit event {marker} was acknowledged and is not there"));
            }
        }
        for wrong in ledger.take_wrong() {
            report.fault(wrong);
        }
        Ok(())
    }

    fn step(&mut self, event: AuditLogEvent, ledger: &Ledger, report: &mut Report) {
        let id = event.id.clone();
        report.check(self.ids.last().is_none_or(|last| *last < id), || format!("{id} stands behind {:?}", self.ids.last()));
        report.check(self.received_at.is_none_or(|Moment(before)| before <= event.received_at.0), || {
            format!("{id} was received at {:?}, before the event before it, {:?}", event.received_at, self.received_at)
        });
        let next_seq = self.next_seqs.entry(event.organization_id.clone()).or_default();
        report.check(event.seq == *next_seq, || {
            format!("{id} has seq {} in {}, and {next_seq} is the next one", event.seq, event.organization_id)
        });
        *next_seq = event.seq + 1;
        self.received_at = Some(event.received_at);
        // What the server itself records is nobody's.
        if !event.action.starts_with(OWN_PREFIX) {
            self.compare(&event, ledger, report);
        }
        self.ids.push(id);
    }

    fn compare(&mut self, event: &AuditLogEvent, ledger: &Ledger, report: &mut Report) {
        let marker = event.targets.first().map(|target| target.id.clone()).unwrap_or_default();
        let Some(Content::AuditEvent { organization, event: sent }) = ledger.content(&marker) else {
            return report.fault(format!("nobody sent {}: {event:?}", event.id));
        };
        let organization = organization.unwrap_or_else(|| event.organization_id.clone());
        match expected(event, organization, *sent) {
            Ok(expected) => report.check(expected == *event, || format!("{marker} was sent as {expected:?} and is {event:?}")),
            Err(failure) => report.fault(failure.to_string()),
        }
        if let Some(first) = self.seen.insert(marker.clone(), event.id.clone()) {
            report.count("doubled", 1);
            report.fault(format!("{marker} is there twice: {first} and {}", event.id));
        }
    }
}

/// What the event must look like in the place where it was found.
fn expected(found: &AuditLogEvent, organization: String, sent: NormalEvent) -> Result<AuditLogEvent, Failure> {
    let committed = CommittedEvent {
        id: found.id.parse().doing("an event's id is not valid")?,
        environment: EnvironmentId::from_parts(0, 0),
        organization: organization.parse().doing("an organization's id is not valid")?,
        seq: found.seq,
        received_at: found.received_at.0,
        event: sent,
    };
    Ok(AuditLogEvent::of(&committed))
}
