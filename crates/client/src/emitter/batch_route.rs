//! `POST /v1/audit_log_events/batch`: up to 10,000 events, judged one by one.

use async_trait::async_trait;
use bytes::Bytes;

use super::exchange::{Body, Reads, not_understood, post};
use super::outcome::Refused;
use super::route::{Failure, Route, Verdict};
use crate::Client;
use crate::transport::NDJSON;
use crate::wire::{BatchAnswer, BatchResult, RefusedItem};

const PATH: [&str; 3] = ["v1", "audit_log_events", "batch"];

pub(super) struct BatchRoute {
    client: Client,
}

impl BatchRoute {
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Route for BatchRoute {
    fn kind(&self) -> &'static str {
        "events"
    }

    async fn deliver(&self, items: &[Bytes]) -> Result<Vec<Verdict>, Failure> {
        let body = Body { content_type: NDJSON, bytes: items.join(&b'\n') };
        let answer = post(&self.client, &PATH, Reads::Gzip, body).await?;
        let batch: BatchAnswer =
            serde_json::from_slice(&answer.body).map_err(|error| not_understood(&answer, &error.to_string()))?;
        // Results are matched to items by their place: one too few would blame the wrong event.
        if batch.results.len() != items.len() {
            return Err(not_understood(&answer, &format!("{} results for {} items", batch.results.len(), items.len())));
        }
        Ok(batch.results.into_iter().zip(items).map(|(result, item)| verdict(result, item)).collect())
    }
}

fn verdict(result: BatchResult, item: &Bytes) -> Verdict {
    match result {
        BatchResult::Stored { .. } | BatchResult::Replayed => Verdict::Stored,
        BatchResult::NotStored => Verdict::Later("not stored, without a reason".to_owned()),
        BatchResult::Refused(RefusedItem { http_status: http_status @ (408 | 429 | 500..), message, .. }) => {
            Verdict::Later(format!("{message} (status {http_status})"))
        }
        BatchResult::Refused(refused) => Verdict::Refused(Refused {
            http_status: refused.http_status,
            message: refused.message,
            code: refused.code,
            errors: (!refused.errors.is_empty()).then(|| serde_json::to_value(&refused.errors).ok()).flatten(),
            item: item.clone(),
        }),
    }
}
