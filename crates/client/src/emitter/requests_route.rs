//! `POST /v1/audit_logs`: up to 1,000 API requests, all or nothing. An entry that is refused is found by halving.

use async_trait::async_trait;
use bytes::Bytes;

use super::exchange::{Body, Reads, not_understood, post};
use super::route::{Failure, Route, Verdict};
use crate::Client;
use crate::transport::JSON;
use crate::wire::Receipts;

const PATH: [&str; 2] = ["v1", "audit_logs"];

pub(crate) struct RequestsRoute {
    client: Client,
}

impl RequestsRoute {
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Route for RequestsRoute {
    fn kind(&self) -> &'static str {
        "requests"
    }

    async fn deliver(&self, items: &[Bytes]) -> Result<Vec<Verdict>, Failure> {
        let bytes = [b"[", &items.join(&b',')[..], b"]"].concat();
        let answer = post(&self.client, &PATH, Reads::Plain, Body { content_type: JSON, bytes }).await?;
        let receipts: Receipts =
            serde_json::from_slice(&answer.body).map_err(|error| not_understood(&answer, &error.to_string()))?;
        if receipts.results.len() != items.len() {
            return Err(not_understood(&answer, &format!("{} receipts for {} items", receipts.results.len(), items.len())));
        }
        Ok(receipts.results.into_iter().map(|_| Verdict::Stored).collect())
    }
}
