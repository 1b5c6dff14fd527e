//! Record batches back into committed events, and the texts that answers need straight from the columns.

use annals_core::event::{CommittedEvent, Context, Members, MetadataText, NormalEvent, Party, PartyRef};
use annals_core::ids::AuditEventId;
use annals_core::time::Micros;
use arrow::array::{Array, AsArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Int32Type, Int64Type};

use super::cells::{column, micros, optional, text, time, typed};
use super::extra::{self, Extra};
use super::{
    ACTION, ACTOR_ID, ACTOR_METADATA, ACTOR_NAME, ACTOR_TYPE, ColumnsError, ENVIRONMENT_ID, EXTRA, ID, LOCATION, METADATA,
    OCCURRED_AT, ORGANIZATION_ID, RECEIVED_AT, SEQ, TARGET_IDS, TARGET_METADATA, TARGET_NAMES, TARGET_TYPES, USER_AGENT, VERSION,
};

/// The columns of one batch, with their types.
pub struct Columns<'a> {
    environment: &'a StringArray,
    organization: &'a StringArray,
    seq: &'a Int64Array,
    pub id: &'a StringArray,
    received_at: &'a TimestampMicrosecondArray,
    pub action: &'a StringArray,
    version: &'a Int32Array,
    occurred_at: &'a TimestampMicrosecondArray,
    pub actor_id: &'a StringArray,
    pub actor_type: &'a StringArray,
    actor_name: &'a StringArray,
    actor_metadata: &'a StringArray,
    target_ids: Texts<'a>,
    target_types: Texts<'a>,
    target_names: Texts<'a>,
    target_metadata: Texts<'a>,
    location: &'a StringArray,
    user_agent: &'a StringArray,
    metadata: &'a StringArray,
    extra: &'a StringArray,
}

/// A list column: where each row's items are, and the items.
struct Texts<'a> {
    lists: &'a ListArray,
    items: &'a StringArray,
}

impl Texts<'_> {
    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let offsets = self.lists.value_offsets();
        // Offsets are never negative: Arrow checks it.
        offsets[row].unsigned_abs() as usize..offsets[row + 1].unsigned_abs() as usize
    }
}

/// One target's place in the item arrays.
#[derive(Clone, Copy)]
struct At {
    id: usize,
    kind: usize,
    name: usize,
    metadata: usize,
}

impl<'a> Columns<'a> {
    /// # Errors
    /// A column is missing or has another type.
    pub fn of(batch: &'a RecordBatch) -> Result<Self, ColumnsError> {
        Ok(Self {
            environment: text(batch, ENVIRONMENT_ID)?,
            organization: text(batch, ORGANIZATION_ID)?,
            seq: typed(SEQ, column(batch, SEQ)?.as_primitive_opt::<Int64Type>())?,
            id: text(batch, ID)?,
            received_at: time(batch, RECEIVED_AT)?,
            action: text(batch, ACTION)?,
            version: typed(VERSION, column(batch, VERSION)?.as_primitive_opt::<Int32Type>())?,
            occurred_at: time(batch, OCCURRED_AT)?,
            actor_id: text(batch, ACTOR_ID)?,
            actor_type: text(batch, ACTOR_TYPE)?,
            actor_name: text(batch, ACTOR_NAME)?,
            actor_metadata: text(batch, ACTOR_METADATA)?,
            target_ids: texts(batch, TARGET_IDS)?,
            target_types: texts(batch, TARGET_TYPES)?,
            target_names: texts(batch, TARGET_NAMES)?,
            target_metadata: texts(batch, TARGET_METADATA)?,
            location: text(batch, LOCATION)?,
            user_agent: text(batch, USER_AGENT)?,
            metadata: text(batch, METADATA)?,
            extra: text(batch, EXTRA)?,
        })
    }

    /// # Errors
    /// The row is not an event that this server wrote.
    pub fn event(&self, row: usize) -> Result<CommittedEvent, ColumnsError> {
        let bad = |column, problem| ColumnsError { column, row, problem };
        let mut extra = self.extra(row)?;
        let targets = (0..).zip(self.targets(row)?);
        let targets = targets.map(|(place, at)| self.target(row, at, extra.take_target(place))).collect::<Result<_, _>>()?;
        let id: AuditEventId = self.id.value(row).parse().map_err(|_| bad(ID, "not an id"))?;
        Ok(CommittedEvent {
            id,
            environment: self.environment.value(row).parse().map_err(|_| bad(ENVIRONMENT_ID, "not an id"))?,
            organization: self.organization.value(row).parse().map_err(|_| bad(ORGANIZATION_ID, "not an id"))?,
            seq: u64::try_from(self.seq.value(row)).map_err(|_| bad(SEQ, "negative"))?,
            received_at: self.received_at(row)?,
            event: NormalEvent {
                action: self.action.value(row).to_owned(),
                version: self.version(row)?,
                occurred_at: self.occurred_at(row)?,
                actor: Party {
                    id: self.actor_id.value(row).to_owned(),
                    kind: self.actor_type.value(row).to_owned(),
                    name: self.actor_name(row).map(str::to_owned),
                    metadata: metadata(ACTOR_METADATA, row, self.actor_metadata(row))?,
                    extra: extra.actor,
                },
                targets,
                context: Context {
                    location: self.location(row).map(str::to_owned),
                    user_agent: self.user_agent(row).map(str::to_owned),
                    extra: extra.context,
                },
                metadata: metadata(METADATA, row, self.metadata(row))?,
            },
        })
    }

    /// # Errors
    /// Outside the range of [`Micros`].
    pub fn received_at(&self, row: usize) -> Result<Micros, ColumnsError> {
        micros(RECEIVED_AT, self.received_at, row)
    }
    /// # Errors
    /// Outside the range of [`Micros`].
    pub fn occurred_at(&self, row: usize) -> Result<Micros, ColumnsError> {
        micros(OCCURRED_AT, self.occurred_at, row)
    }
    /// # Errors
    /// Negative.
    pub fn version(&self, row: usize) -> Result<Option<u32>, ColumnsError> {
        let version = self.version.is_valid(row).then(|| u32::try_from(self.version.value(row))).transpose();
        version.map_err(|_| ColumnsError { column: VERSION, row, problem: "negative" })
    }
    pub fn actor_name(&self, row: usize) -> Option<&'a str> {
        optional(self.actor_name, row)
    }
    pub fn actor_metadata(&self, row: usize) -> Option<&'a str> {
        optional(self.actor_metadata, row)
    }
    pub fn location(&self, row: usize) -> Option<&'a str> {
        optional(self.location, row)
    }
    pub fn user_agent(&self, row: usize) -> Option<&'a str> {
        optional(self.user_agent, row)
    }
    pub fn metadata(&self, row: usize) -> Option<&'a str> {
        optional(self.metadata, row)
    }

    /// Appends the canonical text of the targets: `[]` when there are none. Parses nothing unless a target has members that
    /// we do not know.
    ///
    /// # Errors
    /// The row is not an event that this server wrote.
    pub fn write_targets(&self, row: usize, out: &mut String) -> Result<(), ColumnsError> {
        let mut extra = if self.extra.is_valid(row) { self.extra(row)? } else { Extra::default() };
        out.push('[');
        for (place, at) in self.targets(row)?.enumerate() {
            if place > 0 {
                out.push(',');
            }
            let extra = extra.take_target(place);
            let target = PartyRef {
                id: self.target_ids.items.value(at.id),
                kind: self.target_types.items.value(at.kind),
                name: optional(self.target_names.items, at.name),
                metadata: optional(self.target_metadata.items, at.metadata),
                extra: &extra,
            };
            target.write_canonical(out);
        }
        out.push(']');
        Ok(())
    }

    fn target(&self, row: usize, at: At, extra: Members) -> Result<Party, ColumnsError> {
        Ok(Party {
            id: self.target_ids.items.value(at.id).to_owned(),
            kind: self.target_types.items.value(at.kind).to_owned(),
            name: optional(self.target_names.items, at.name).map(str::to_owned),
            metadata: metadata(TARGET_METADATA, row, optional(self.target_metadata.items, at.metadata))?,
            extra,
        })
    }

    fn targets(&self, row: usize) -> Result<impl Iterator<Item = At> + use<>, ColumnsError> {
        let [ids, kinds] = [self.target_ids.range(row), self.target_types.range(row)];
        let [names, metadata] = [self.target_names.range(row), self.target_metadata.range(row)];
        let lengths = [kinds.len(), names.len(), metadata.len()];
        if lengths.into_iter().any(|length| length != ids.len()) {
            return Err(ColumnsError { column: TARGET_IDS, row, problem: "the target lists differ in length" });
        }
        Ok((0..ids.len()).map(move |i| At {
            id: ids.start + i,
            kind: kinds.start + i,
            name: names.start + i,
            metadata: metadata.start + i,
        }))
    }

    fn extra(&self, row: usize) -> Result<Extra, ColumnsError> {
        let Some(text) = optional(self.extra, row) else { return Ok(Extra::default()) };
        let bad = |problem| ColumnsError { column: EXTRA, row, problem };
        let extra = extra::read(text).ok_or_else(|| bad("not the members of an event"))?;
        match extra.last_target() {
            Some(last) if last >= self.target_ids.range(row).len() => Err(bad("members of a target that does not exist")),
            _ => Ok(extra),
        }
    }
}

fn texts<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<Texts<'a>, ColumnsError> {
    let lists = typed(name, column(batch, name)?.as_list_opt::<i32>())?;
    Ok(Texts { lists, items: typed(name, lists.values().as_string_opt::<i32>())? })
}

fn metadata(column: &'static str, row: usize, text: Option<&str>) -> Result<Option<MetadataText>, ColumnsError> {
    let read = |text| MetadataText::from_stored(text).ok_or(ColumnsError { column, row, problem: "not canonical metadata" });
    text.map(read).transpose()
}
