//! The model: what was sent, and what of it was acknowledged. Each record has a marker that no other has.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use annals_core::event::NormalEvent;
use serde_json::{Map, Value};

/// What a record must be like when it is there.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// The organization is not known of events whose group leads to one.
    AuditEvent {
        organization: Option<String>,
        event: Box<NormalEvent>,
    },
    FeedEvent {
        name: String,
        data: Map<String, Value>,
    },
    ApiRequest {
        path: String,
        action: String,
        status_code: u16,
    },
}

#[derive(Debug, Clone)]
struct Sent {
    content: Content,
    acknowledged: bool,
}

/// What became of an organization, as far as its client was told.
#[derive(Debug, Clone, Default)]
pub struct OrganizationLife {
    pub external_id: String,
    /// Known when the creation was acknowledged.
    pub id: String,
    pub name: String,
    pub updates_acknowledged: u64,
    pub updates_sent: u64,
    pub deleted: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Numbers {
    pub sent: u64,
    pub acknowledged: u64,
    /// Requests without an answer.
    pub unanswered: u64,
    /// Requests that were sent again because they had no answer, and were answered then.
    pub resolved: u64,
    /// Requests without an answer that are never sent again.
    pub given_up: u64,
    /// Acknowledged requests that were sent again all the same.
    pub repeated: u64,
    /// Known keys with another body, refused.
    pub changed_refused: u64,
}

#[derive(Default)]
struct Books {
    sent: HashMap<String, Sent>,
    newly_acknowledged: Vec<String>,
    /// Markers of requests that are stored as a whole or not at all, and whose outcome nobody ever learns.
    all_or_none: Vec<Vec<String>>,
    organizations: Vec<OrganizationLife>,
    numbers: Numbers,
    /// Clients remember nothing while this is set, and nothing from before it was.
    forgetful: bool,
    /// How often it was.
    age: u64,
    wrong: Vec<String>,
}

#[derive(Default)]
pub struct Ledger(Mutex<Books>);

impl Ledger {
    /// Before the request leaves: an answer may never come.
    pub fn sent(&self, records: Vec<(String, Content)>) {
        let mut books = self.books();
        books.numbers.sent += records.len() as u64;
        for (marker, content) in records {
            books.sent.insert(marker, Sent { content, acknowledged: false });
        }
    }

    pub fn acknowledged(&self, markers: Vec<String>) {
        let mut books = self.books();
        for marker in markers {
            if let Some(sent) = books.sent.get_mut(&marker)
                && !sent.acknowledged
            {
                sent.acknowledged = true;
                books.numbers.acknowledged += 1;
                books.newly_acknowledged.push(marker);
            }
        }
    }

    pub fn given_up(&self, markers: Vec<String>, whole: bool) {
        let mut books = self.books();
        books.numbers.given_up += 1;
        if whole {
            books.all_or_none.push(markers);
        }
    }

    pub fn organization(&self, life: OrganizationLife) {
        self.books().organizations.push(life);
    }

    /// A client was told something that a server must not say.
    pub fn wrong(&self, what: String) {
        self.books().wrong.push(what);
    }

    pub fn number(&self, add: impl FnOnce(&mut Numbers)) {
        add(&mut self.books().numbers);
    }

    pub fn numbers(&self) -> Numbers {
        self.books().numbers
    }

    pub fn content(&self, marker: &str) -> Option<Content> {
        self.books().sent.get(marker).map(|sent| sent.content.clone())
    }

    pub fn set_forgetful(&self, forgetful: bool) {
        let mut books = self.books();
        books.forgetful = forgetful;
        books.age += u64::from(forgetful);
    }

    /// `None` while nothing is to be remembered.
    pub fn age(&self) -> Option<u64> {
        let books = self.books();
        (!books.forgetful).then_some(books.age)
    }

    /// What was acknowledged since the last call.
    pub fn take_newly_acknowledged(&self) -> Vec<String> {
        std::mem::take(&mut self.books().newly_acknowledged)
    }

    /// Everything that was acknowledged so far and satisfies `wanted`.
    pub fn all_acknowledged(&self, wanted: impl Fn(&Content) -> bool) -> Vec<String> {
        let books = self.books();
        let acknowledged = books.sent.iter().filter(|(_, sent)| sent.acknowledged && wanted(&sent.content));
        acknowledged.map(|(marker, _)| marker.clone()).collect()
    }

    pub fn all_or_none(&self) -> Vec<Vec<String>> {
        self.books().all_or_none.clone()
    }

    pub fn organizations(&self) -> Vec<OrganizationLife> {
        self.books().organizations.clone()
    }

    pub fn take_wrong(&self) -> Vec<String> {
        std::mem::take(&mut self.books().wrong)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    pub fn is_audit_event(&self) -> bool {
        matches!(self, Self::AuditEvent { .. })
    }
}
