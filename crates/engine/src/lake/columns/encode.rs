//! Committed events into one record batch.

use std::borrow::Borrow;
use std::sync::Arc;

use annals_core::event::{CommittedEvent, MetadataText, Party};
use arrow::array::{ArrayRef, Int32Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::error::ArrowError;

use super::{extra, list_item, schema};

/// Rows in the order of `events`.
///
/// # Errors
/// A column would pass 2 GiB of text.
pub fn to_batch<E: Borrow<CommittedEvent>>(events: &[E]) -> Result<RecordBatch, ArrowError> {
    let mut builders = Builders::new(events.len());
    for event in events {
        builders.push(event.borrow());
    }
    RecordBatch::try_new(schema(), builders.finish())
}

struct Builders {
    environment: StringBuilder,
    organization: StringBuilder,
    shard: StringBuilder,
    seq: Int64Builder,
    id: StringBuilder,
    received_at: TimestampMicrosecondBuilder,
    action: StringBuilder,
    version: Int32Builder,
    occurred_at: TimestampMicrosecondBuilder,
    actor_id: StringBuilder,
    actor_type: StringBuilder,
    actor_name: StringBuilder,
    actor_metadata: StringBuilder,
    target_ids: ListBuilder<StringBuilder>,
    target_types: ListBuilder<StringBuilder>,
    target_names: ListBuilder<StringBuilder>,
    target_metadata: ListBuilder<StringBuilder>,
    location: StringBuilder,
    user_agent: StringBuilder,
    metadata: StringBuilder,
    extra: StringBuilder,
}

impl Builders {
    fn new(rows: usize) -> Self {
        let text = |bytes_each: usize| StringBuilder::with_capacity(rows, rows * bytes_each);
        let time = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
        let list = |nullable| ListBuilder::with_capacity(text(24), rows).with_field(list_item(nullable));
        Self {
            environment: text(38),
            organization: text(30),
            shard: text(6),
            seq: Int64Builder::with_capacity(rows),
            id: text(30),
            received_at: time(),
            action: text(24),
            version: Int32Builder::with_capacity(rows),
            occurred_at: time(),
            actor_id: text(24),
            actor_type: text(8),
            actor_name: text(16),
            actor_metadata: text(0),
            target_ids: list(false),
            target_types: list(false),
            target_names: list(true),
            target_metadata: list(true),
            location: text(16),
            user_agent: text(64),
            metadata: text(64),
            extra: text(0),
        }
    }

    fn push(&mut self, committed: &CommittedEvent) {
        let event = &committed.event;
        self.environment.append_value(committed.environment.to_string());
        self.organization.append_value(committed.organization.to_string());
        self.shard.append_value(committed.id.shard().to_string());
        // Positions are counted one by one and never reach 2^63.
        self.seq.append_value(committed.seq.cast_signed());
        self.id.append_value(committed.id.to_string());
        self.received_at.append_value(committed.received_at.get());
        self.action.append_value(&event.action);
        self.version.append_option(event.version.map(u32::cast_signed));
        self.occurred_at.append_value(event.occurred_at.get());
        self.push_actor(&event.actor);
        for target in &event.targets {
            self.target_ids.values().append_value(&target.id);
            self.target_types.values().append_value(&target.kind);
            self.target_names.values().append_option(target.name.as_deref());
            self.target_metadata.values().append_option(target.metadata.as_ref().map(MetadataText::as_str));
        }
        for list in [&mut self.target_ids, &mut self.target_types, &mut self.target_names, &mut self.target_metadata] {
            list.append(true);
        }
        self.location.append_option(event.context.location.as_deref());
        self.user_agent.append_option(event.context.user_agent.as_deref());
        self.metadata.append_option(event.metadata.as_ref().map(MetadataText::as_str));
        self.extra.append_option(extra::write(event));
    }

    fn push_actor(&mut self, actor: &Party) {
        self.actor_id.append_value(&actor.id);
        self.actor_type.append_value(&actor.kind);
        self.actor_name.append_option(actor.name.as_deref());
        self.actor_metadata.append_option(actor.metadata.as_ref().map(MetadataText::as_str));
    }

    /// In the order of [`schema`].
    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.environment.finish()),
            Arc::new(self.organization.finish()),
            Arc::new(self.shard.finish()),
            Arc::new(self.seq.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.received_at.finish()),
            Arc::new(self.action.finish()),
            Arc::new(self.version.finish()),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.actor_id.finish()),
            Arc::new(self.actor_type.finish()),
            Arc::new(self.actor_name.finish()),
            Arc::new(self.actor_metadata.finish()),
            Arc::new(self.target_ids.finish()),
            Arc::new(self.target_types.finish()),
            Arc::new(self.target_names.finish()),
            Arc::new(self.target_metadata.finish()),
            Arc::new(self.location.finish()),
            Arc::new(self.user_agent.finish()),
            Arc::new(self.metadata.finish()),
            Arc::new(self.extra.finish()),
        ]
    }
}
