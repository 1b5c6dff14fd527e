//! How the columns lie in a Parquet file. Chosen by measuring a million events of `annals bench generate`, of 10,000 organizations and 631
//! bytes of JSON: flushed by 65,536, and merged into one file.
//!
//! | column | choice | flushed | merged | otherwise |
//! |---|---|---|---|---|
//! | `metadata` | dictionary, if it is small | 66.0 | 62.4 | 61.0 at level 12, 52.7 at level 16, which take four and ten times as long |
//! | `target_ids` | flushed the same, merged plain | 23.1 | 21.4 | 22.4 as prefixes and suffixes |
//! | `actor_id`, `location` | dictionary, if it is small | 8.0, 6.0 | 3.6, 3.0 | merged 4.4, 3.6 with a dictionary half the size |
//! | `id` | plain text, which zstd shrinks best | 3.3 | 3.3 | merged 3.7 at the level of the others; 5.6 with a dictionary |
//! | `occurred_at` | differences | 4.7 | 4.7 | 6.0 with a dictionary |
//! | `received_at` | differences | 1.5 | 1.6 | 1.5 with a dictionary, but 5.4 where each event has its own commit |
//! | `seq` | differences | 0.2 | 0.1 | 2.1 with a dictionary |
//! | all others | dictionary | 8.9 | 7.0 | `user_agent` 0.5, 3.1 plain |
//! | filters, indexes, footer | | 2.3 | 1.6 | |
//!
//! Together 124 and 109 bytes. Of the metadata 28.5 bytes are information that nothing shrinks, nearly all of it prose: 25.6 words, each one
//! of 256. Events with short metadata take less than half. Merging takes 3.5 µs of one core an event. Every encoding here is read by
//! Spark, Trino, DuckDB and Polars from version 1 data pages.

use arrow::datatypes::Schema;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::{ACTION, ACTOR_ID, ACTOR_NAME, ID, OCCURRED_AT, ORGANIZATION_ID, RECEIVED_AT, SEQ, TARGET_IDS, schema};
use crate::lake::data_file::Kind;

const ROW_GROUP_ROWS: usize = 65_536;
/// Rows that the writer takes at a time, between which it looks whether a page is full.
const WRITTEN_ROWS: usize = 1024;
/// One in thirty look-ups opens a row group in vain; a filter takes 8 bits for each distinct id. Half as many would take 16, because
/// filters come in powers of two.
const BLOOM_FALSE_POSITIVES: f64 = 0.03;
const FILTERED: [&str; 7] = [ORGANIZATION_ID, ID, RECEIVED_AT, OCCURRED_AT, ACTION, ACTOR_ID, ACTOR_NAME];
const DIFFERENCES: [&str; 3] = [SEQ, RECEIVED_AT, OCCURRED_AT];

/// How much work a file is worth, and how finely it can be cut.
struct Effort {
    zstd_level: i32,
    /// The level for ids, which gain by it and are few bytes.
    id_level: i32,
    /// Small, so that one organization's rows are cut out of a file without decoding its neighbours'. Pages of 20,000 rows would take
    /// about one byte an event less.
    page_rows: usize,
    /// Reading one row of a column means reading its whole dictionary. Without a limit the dictionaries of near-unique columns were
    /// 1.4 MB of the 1.6 MB that a look into a file of 65,536 rows read.
    dictionary_bytes: usize,
}

const fn effort(kind: Kind) -> Effort {
    match kind {
        Kind::Flushed => Effort { zstd_level: 3, id_level: 3, page_rows: 1024, dictionary_bytes: 64 * 1024 },
        // A page of metadata is above 256 KiB then: zstd searches better there for the same time. And a row group has few organizations,
        // so that dictionaries of this size have most of their actors.
        Kind::Merged => Effort { zstd_level: 6, id_level: 9, page_rows: 2048, dictionary_bytes: 128 * 1024 },
    }
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default())
}

/// What the tables have in common. `filtered` is what filters compare: the pages of these columns carry least and greatest values.
pub fn common(kind: Kind, schema: &Schema, sorted: &[&str], filtered: &[&str], differences: &[&str]) -> WriterPropertiesBuilder {
    let effort = effort(kind);
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("annals ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(zstd(effort.zstd_level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(effort.page_rows)
        .set_write_batch_size(WRITTEN_ROWS)
        .set_dictionary_page_size_limit(effort.dictionary_bytes)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_sorting_columns(Some(sorting_columns(schema, sorted)))
        .set_column_dictionary_enabled(ColumnPath::from(ID), false)
        .set_column_compression(ColumnPath::from(ID), zstd(effort.id_level));
    for name in filtered {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(*name), EnabledStatistics::Page);
    }
    for name in differences {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(*name), false)
            .set_column_encoding(ColumnPath::from(*name), Encoding::DELTA_BINARY_PACKED);
    }
    properties
}

pub fn with_bloom_filter(properties: WriterPropertiesBuilder, path: ColumnPath) -> WriterPropertiesBuilder {
    properties
        .set_column_bloom_filter_enabled(path.clone(), true)
        .set_column_bloom_filter_fpp(path.clone(), BLOOM_FALSE_POSITIVES)
        .set_column_bloom_filter_max_ndv(path, ROW_GROUP_ROWS as u64)
}

/// Sorted by organization and place: what every reader of one organization wants next to each other.
pub fn writer_properties(kind: Kind) -> WriterProperties {
    let target_id = ColumnPath::from(vec![TARGET_IDS.to_owned(), "list".to_owned(), "element".to_owned()]);
    let mut properties = common(kind, &schema(), &[ORGANIZATION_ID, SEQ], &FILTERED, &DIFFERENCES);
    if matches!(kind, Kind::Merged) {
        // Too many for any dictionary: one would only be read in vain.
        properties = properties.set_column_dictionary_enabled(target_id.clone(), false);
    }
    [ColumnPath::from(ACTOR_ID), target_id].into_iter().fold(properties, with_bloom_filter).build()
}

/// The columns stand before the first list, so that a column's place is its place among the leaves, which Parquet counts.
fn sorting_columns(schema: &Schema, names: &[&str]) -> Vec<SortingColumn> {
    let place = |name: &&str| schema.index_of(name).ok().and_then(|place| i32::try_from(place).ok());
    let ascending = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: false };
    names.iter().filter_map(place).map(ascending).collect()
}
