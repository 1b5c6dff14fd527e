//! `POST /v1/audit_log_events/batch`: many events, one commit. Each item is answered as if it had been sent alone.

mod body;
mod decode;
mod items;

use annals_core::event::BatchItem;
use annals_core::wire::{BatchAnswer, BatchResult, RefusedItem};
use annals_engine::append::{AppendError, BatchOutcome, Together};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;

use super::App;
use super::answer::Answer;
use super::auth::Caller;
use super::documented::{BatchRefusals, IdempotencyHeader};
use super::idempotency::IdempotencyKey;
use super::problem::Problem;
use super::query::Parameters;
use body::BatchBody;

/// Record many events
///
/// Answers when the events are durable; all that are stored are one commit. Each item is checked as `POST /audit_logs/events` would
/// check it, and shares its idempotency keys. Items without a key of their own take that of the header, with `/` and their index behind it.
///
/// A line of `application/x-ndjson` is one item of the array. Bodies may be compressed with gzip or zstd; at most 10,000 items and 16 MiB,
/// before and after decompression.
#[utoipa::path(
    post, path = "/v1/audit_log_events/batch", operation_id = "create_audit_log_event_batch", tag = "audit-logs",
    params(IdempotencyHeader, Atomic),
    request_body(content(
        (Vec<annals_core::wire::BatchItem> = "application/json"),
        (String = "application/x-ndjson")
    )),
    responses((status = 200, description = "What became of each item", body = BatchAnswer), BatchRefusals)
)]
pub async fn create(
    State(app): State<App>,
    Caller(scope): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Atomic(atomic): Atomic,
    request: Request,
) -> Result<Answer, Problem> {
    let BatchBody { items, turns: _turns } = BatchBody::of(request, &app, &scope).await?;
    let (good, places) = sort(items, key.as_deref());
    let spoiled = places.iter().any(|place| matches!(place, Place::Refused(_)));
    let together = match atomic {
        false => Together::Each,
        true if spoiled => Together::None,
        true => Together::AllOrNone,
    };
    let outcomes = app.engine().append_batch(&scope, good, together).await.map_err(Problem::append("", None))?;
    let answer = BatchAnswer::new(results(places, outcomes));
    if atomic && answer.refused > 0 { Err(Problem::batch(answer)) } else { Ok(Answer::ok(&answer)) }
}

/// `atomic=true`: if one item is refused, nothing is stored.
pub struct Atomic(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for Atomic {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parameters = Parameters::of(parts);
        parameters.only(&["atomic"])?;
        match parameters.single("atomic")? {
            // Elsewhere a parameter without a value counts as absent. Here it would store half of what shall go together.
            None if parameters.names("atomic") => Err(Problem::wrong_parameter("atomic", "must be true or false")),
            None | Some("false") => Ok(Self(false)),
            Some("true") => Ok(Self(true)),
            Some(_) => Err(Problem::wrong_parameter("atomic", "must be true or false")),
        }
    }
}

/// What is kept of an item while the engine has it: what its refusal would name.
enum Place {
    Refused(RefusedItem),
    Sent { organization: String, key: Option<String> },
}

/// The items that can be stored, and a place for every item.
fn sort(items: Vec<Result<BatchItem, RefusedItem>>, header: Option<&str>) -> (Vec<BatchItem>, Vec<Place>) {
    let mut good = Vec::with_capacity(items.len());
    let mut places = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        places.push(match item {
            Err(refused) => Place::Refused(refused),
            Ok(mut item) => {
                item.idempotency_key = item.idempotency_key.or_else(|| Some(format!("{}/{index}", header?)));
                let sent = Place::Sent { organization: item.event.organization().to_owned(), key: item.idempotency_key.clone() };
                good.push(item);
                sent
            }
        });
    }
    (good, places)
}

fn results(places: Vec<Place>, outcomes: Vec<Result<BatchOutcome, AppendError>>) -> Vec<BatchResult> {
    let mut outcomes = outcomes.into_iter();
    let result = |place| match place {
        Place::Refused(refused) => Some(BatchResult::Refused(refused)),
        Place::Sent { organization, key } => Some(match outcomes.next()? {
            Ok(BatchOutcome::Stored(id)) => BatchResult::Stored { id },
            Ok(BatchOutcome::Replayed) => BatchResult::Replayed,
            Ok(BatchOutcome::NotStored) => BatchResult::NotStored,
            Err(error) => BatchResult::Refused(Problem::append(&organization, key.as_deref())(error).into_item()),
        }),
    };
    places.into_iter().filter_map(result).collect()
}
