//! Many events in one commit. Each is checked as if it came alone; what is good is stored together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use annals_core::event::{BatchEvent, BatchItem, EventRules, ValidEvent};
use annals_core::ids::AuditEventId;
use annals_core::limits::GROUP_BYTES_MAX;

use super::{AUDIT_LOGS, AppendError, audit_event, key_mark, organization};
use crate::commit_log::{Append, Appended, CommitLog, KeyMark, Seen, Together as InCommit};
use crate::store::StoreError;
use crate::tenants::{OrganizationScope, Scope, Tenants};

/// What a refused item means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// Nothing: each item stands for itself.
    Each,
    /// None of them is stored.
    AllOrNone,
    /// None is stored, because of something that only the caller knows; all are checked.
    None,
}

/// What became of an item that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOutcome {
    Stored(AuditEventId),
    /// The same key and body were stored within the last 24 hours, or stand earlier in the batch.
    Replayed,
    /// It is good, but another one is not.
    NotStored,
}

type Outcome = Result<BatchOutcome, AppendError>;

/// Records events. One outcome for each item, in order.
///
/// # Errors
/// The store fails or the log takes no records: for all items, of which none is known to be stored.
pub(crate) async fn append_batch(
    tenants: &Tenants,
    log: &CommitLog,
    scope: &Scope,
    items: Vec<BatchItem>,
    together: Together,
) -> Result<Vec<Outcome>, AppendError> {
    let checked = check_all(tenants, scope, items).await?;
    let checked = tell_reused_keys(log, checked).await;
    let spoiled = together == Together::None || (together == Together::AllOrNone && checked.iter().any(Result::is_err));
    if spoiled {
        return Ok(checked
            .into_iter()
            .map(|item| item.map(|_| BatchOutcome::NotStored).map_err(|refused| refused.why))
            .collect());
    }
    let in_commit = if together == Together::Each { InCommit::Each } else { InCommit::AllOrNone };
    let (appends, places): (Vec<_>, Vec<_>) = checked.into_iter().map(split).unzip();
    let appends: Vec<_> = appends.into_iter().flatten().collect();
    if appends.iter().map(Append::bytes).sum::<usize>() > GROUP_BYTES_MAX {
        return Err(AppendError::TooMuch);
    }
    let appended = log.append_all(appends, in_commit).await?;
    let mut appended = appended.into_iter();
    let outcome = |refused: Option<AppendError>| match refused {
        Some(refused) => Err(refused),
        None => told(appended.next()),
    };
    Ok(places.into_iter().map(outcome).collect())
}

/// An item that is not stored, with the key that it came with.
struct Refused {
    why: AppendError,
    key: Option<KeyMark>,
}

fn split(checked: Result<Append, Refused>) -> (Option<Append>, Option<AppendError>) {
    match checked {
        Ok(append) => (Some(append), None),
        Err(refused) => (None, Some(refused.why)),
    }
}

fn told(appended: Option<Appended>) -> Outcome {
    match appended {
        Some(Appended::Stored(place)) => Ok(BatchOutcome::Stored(place.into())),
        Some(Appended::Replayed) => Ok(BatchOutcome::Replayed),
        Some(Appended::LeftOut) => Ok(BatchOutcome::NotStored),
        Some(Appended::KeyReused) => Err(AppendError::KeyReused),
        // One outcome for each append is the log's promise.
        None => Err(AppendError::Unavailable { reason: "an outcome is missing", retry_after: std::time::Duration::from_secs(1) }),
    }
}

/// What the items of one batch refer to, each looked up once.
#[derive(Default)]
struct Known {
    organizations: HashMap<String, Option<OrganizationScope>>,
    /// By action and version.
    rules: HashMap<(String, u32), Option<Arc<dyn EventRules + Send + Sync>>>,
}

async fn check_all(tenants: &Tenants, scope: &Scope, items: Vec<BatchItem>) -> Result<Vec<Result<Append, Refused>>, AppendError> {
    let known = look_up(tenants, scope, &items).await?;
    let scope = *scope;
    // Validating thousands of events takes long enough to hold up other requests.
    let checking = tokio::task::spawn_blocking(move || items.into_iter().map(|item| known.check(&scope, item)).collect());
    checking.await.map_err(|panicked| StoreError::Unavailable(Box::new(panicked)).into())
}

async fn look_up(tenants: &Tenants, scope: &Scope, items: &[BatchItem]) -> Result<Known, AppendError> {
    let mut known = Known::default();
    for item in items {
        let id = item.event.organization();
        if !known.organizations.contains_key(id) {
            let found = match organization(tenants, scope, id).await {
                Ok(found) => Some(found),
                Err(AppendError::OrganizationNotFound) => None,
                Err(error) => return Err(error),
            };
            known.organizations.insert(id.to_owned(), found);
        }
        if let BatchEvent::New(event) = &item.event {
            let (action, version) = event.action_and_version();
            if let Entry::Vacant(place) = known.rules.entry((action.to_owned(), version)) {
                let rules = tenants.rules(scope.environment_id(), action, version).await?;
                place.insert(rules.map(|rules| rules as Arc<dyn EventRules + Send + Sync>));
            }
        }
    }
    Ok(known)
}

impl Known {
    fn check(&self, scope: &Scope, item: BatchItem) -> Result<Append, Refused> {
        let BatchItem { event, idempotency_key } = item;
        let found = self.organizations.get(event.organization()).copied().flatten();
        let organization = found.ok_or(Refused { why: AppendError::OrganizationNotFound, key: None })?;
        let key = idempotency_key.map(|key| key_mark(scope, AUDIT_LOGS, &key, event.digest()));
        let event = self.check_event(scope, event).map_err(|why| Refused { why, key })?;
        Ok(audit_event(organization, event, key))
    }

    fn check_event(&self, scope: &Scope, event: BatchEvent) -> Result<ValidEvent, AppendError> {
        match event {
            BatchEvent::Imported(event) => {
                scope.environment()?;
                Ok(event.into_valid())
            }
            BatchEvent::New(event) => {
                let (action, version) = event.action_and_version();
                let named = (action.to_owned(), version);
                match self.rules.get(&named).and_then(Option::as_deref) {
                    Some(rules) => event.check(rules).map_err(AppendError::Violations),
                    None => Err(AppendError::NotConfigured { action: named.0, version }),
                }
            }
        }
    }
}

/// A reused key is the first thing to tell, whatever else is wrong with the new body.
async fn tell_reused_keys(log: &CommitLog, mut checked: Vec<Result<Append, Refused>>) -> Vec<Result<Append, Refused>> {
    let mut with_keys: Vec<_> = checked
        .iter_mut()
        .filter_map(|item| item.as_mut().err())
        .filter_map(|refused| refused.key.take().zip(Some(refused)))
        .collect();
    let seen = log.probe_all(with_keys.iter().map(|(mark, _)| *mark).collect()).await;
    for ((_, refused), seen) in with_keys.iter_mut().zip(seen) {
        if seen == Seen::OtherBody {
            refused.why = AppendError::KeyReused;
        }
    }
    checked
}
