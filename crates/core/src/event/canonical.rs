//! The canonical text: RFC 8785 of the normal form, member by member in sorted order. Frozen as `v:1`.

use super::{Context, MetadataText, NormalEvent, Party};
use crate::ids::{AuditEventId, OrganizationId};
use crate::json::{utf16_order, write_string};

impl NormalEvent {
    /// Members in order: action, actor, context, id, metadata, occurred_at, org, targets, v, version.
    pub(super) fn canonical_text(&self, id: AuditEventId, organization: OrganizationId) -> String {
        let mut out = String::with_capacity(512);
        out.push_str("{\"action\":");
        write_string(&self.action, &mut out);
        out.push_str(",\"actor\":");
        self.actor.write_canonical(&mut out);
        if !self.context.is_empty() {
            out.push_str(",\"context\":");
            self.context.write_canonical(&mut out);
        }
        out.push_str(",\"id\":\"");
        out.push_str(&id.to_string());
        out.push('"');
        if let Some(metadata) = &self.metadata {
            out.push_str(",\"metadata\":");
            out.push_str(metadata.as_str());
        }
        out.push_str(",\"occurred_at\":\"");
        out.push_str(&self.occurred_at.canonical());
        out.push_str("\",\"org\":\"");
        out.push_str(&organization.to_string());
        out.push('"');
        if !self.targets.is_empty() {
            out.push_str(",\"targets\":");
            write_targets(&self.targets, &mut out);
        }
        out.push_str(",\"v\":1");
        if let Some(version) = self.version {
            out.push_str(",\"version\":");
            out.push_str(itoa::Buffer::new().format(version));
        }
        out.push('}');
        out
    }

    /// The canonical text of the targets, for exports. Empty when there are none.
    #[must_use]
    pub fn targets_text(&self) -> String {
        let mut out = String::new();
        if !self.targets.is_empty() {
            write_targets(&self.targets, &mut out);
        }
        out
    }
}

fn write_targets(targets: &[Party], out: &mut String) {
    out.push('[');
    for (i, target) in targets.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        target.write_canonical(out);
    }
    out.push(']');
}

/// An actor or a target that borrows everything, so that columns become text without an owned [`Party`] between them.
#[derive(Debug, Clone, Copy)]
pub struct PartyRef<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub name: Option<&'a str>,
    /// The text of a [`super::MetadataText`].
    pub metadata: Option<&'a str>,
    pub extra: &'a [(String, String)],
}

impl PartyRef<'_> {
    /// Appends the canonical text of this actor or target.
    pub fn write_canonical(&self, out: &mut String) {
        let known = [
            ("id", Some(Value::Text(self.id))),
            ("metadata", self.metadata.map(Value::Canonical)),
            ("name", self.name.map(Value::Text)),
            ("type", Some(Value::Text(self.kind))),
        ];
        write_object(known, self.extra, out);
    }
}

impl Party {
    #[must_use]
    pub fn as_ref(&self) -> PartyRef<'_> {
        let Self { id, kind, name, metadata, extra } = self;
        PartyRef { id, kind, name: name.as_deref(), metadata: metadata.as_ref().map(MetadataText::as_str), extra }
    }

    /// Appends the canonical text of this actor or target.
    pub fn write_canonical(&self, out: &mut String) {
        self.as_ref().write_canonical(out);
    }
}

impl Context {
    fn is_empty(&self) -> bool {
        self.location.is_none() && self.user_agent.is_none() && self.extra.is_empty()
    }
    fn write_canonical(&self, out: &mut String) {
        let known = [
            ("location", self.location.as_deref().map(Value::Text)),
            ("user_agent", self.user_agent.as_deref().map(Value::Text)),
        ];
        write_object(known, &self.extra, out);
    }
}

enum Value<'a> {
    Text(&'a str),
    Canonical(&'a str),
}

/// Merges the known members, in order, with the unknown ones, in order.
fn write_object<'a, const N: usize>(known: [(&'a str, Option<Value<'a>>); N], extra: &'a [(String, String)], out: &mut String) {
    let mut known = known.into_iter().filter_map(|(name, value)| value.map(|v| (name, v))).peekable();
    let mut extra = extra.iter().map(|(name, text)| (name.as_str(), Value::Canonical(text))).peekable();
    let mut separator = '{';
    loop {
        let next = match (known.peek(), extra.peek()) {
            (Some((a, _)), Some((b, _))) if utf16_order(a, b).is_gt() => extra.next(),
            (Some(_), _) => known.next(),
            (None, _) => extra.next(),
        };
        let Some((name, value)) = next else { break };
        out.push(separator);
        separator = ',';
        write_string(name, out);
        out.push(':');
        match value {
            Value::Text(text) => write_string(text, out),
            Value::Canonical(text) => out.push_str(text),
        }
    }
    out.push('}');
}
