//! How the columns lie in a Parquet file. Chosen by measuring a million events of `annals bench generate`, of 10,000 organizations and 631
//! bytes of JSON: flushed by 65,536, and merged into one file. The last files are those of `annals-bench disk`, whose events come in
//! commits of 20 instead of 1000: their `id` and `received_at` have 4 bytes of information more, as they have in the field.
//!
//! | column | choice | flushed | merged | packed | otherwise |
//! |---|---|---|---|---|---|
//! | `metadata` | dictionary, if it is small | 66.0 | 62.4 | 51.3 | packed 48.0 in pages of 8192 rows; 50.7 at level 19 |
//! | `target_ids` | flushed the same, then plain | 23.1 | 21.4 | 20.5 | 21.1 as prefixes and suffixes, 20.2 as lengths and text |
//! | `actor_id`, `location` | dictionary, if it is small | 8.0, 6.0 | 3.6, 3.0 | 4.2, 3.4 | packed 4.0, 3.3 with a dictionary twice the size |
//! | `id` | plain text, which zstd shrinks best | 3.3 | 3.3 | 5.2 | packed 6.5 at level 12; 6.9 with a dictionary, 6.6 as prefixes and suffixes |
//! | `occurred_at` | plain, whose first bytes are the same | 4.4 | 4.1 | 4.0 | 4.7 as differences; 6.0 with a dictionary |
//! | `received_at` | differences | 1.5 | 1.6 | 3.4 | 1.5 with a dictionary, but 5.4 where each event has its own commit |
//! | `seq` | differences | 0.2 | 0.1 | 0.1 | 2.1 with a dictionary |
//! | all others | dictionary | 8.9 | 7.0 | 6.5 | `user_agent` 0.5, 3.1 plain |
//! | filters, indexes, footer | | 2.3 | 1.6 | 1.8 | |
//!
//! Together 124, 109 and 100 bytes. Of the metadata 28.5 bytes are information that nothing shrinks, nearly all of it prose: 25.6 words, each
//! one of 256; what zstd makes of it has no less than 44.7 bytes, in pages as large as a row group. Events with short metadata take less
//! than half. Merging takes 3.5 µs of one core an event, packing about 50: a day of 1.7 million events a minute and a half.
//! Every encoding here is read by Spark, Trino, DuckDB and Polars from version 1 data pages.

use arrow::datatypes::Schema;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::{ACTION, ACTOR_ID, ACTOR_NAME, ID, METADATA, OCCURRED_AT, ORGANIZATION_ID, RECEIVED_AT, SEQ, TARGET_IDS, schema};
use crate::lake::data_file::Kind;

const ROW_GROUP_ROWS: usize = 65_536;
/// Rows that the writer takes at a time, between which it looks whether a page is full.
const WRITTEN_ROWS: usize = 1024;
/// One in thirty look-ups opens a row group in vain; a filter takes 8 bits for each distinct id. Half as many would take 16, because
/// filters come in powers of two.
const BLOOM_FALSE_POSITIVES: f64 = 0.03;
const FILTERED: [&str; 7] = [ORGANIZATION_ID, ID, RECEIVED_AT, OCCURRED_AT, ACTION, ACTOR_ID, ACTOR_NAME];

/// How much work a file is worth, and how finely it can be cut.
struct Effort {
    zstd_level: i32,
    /// The level for ids, which gain by it.
    id_level: i32,
    /// The level for text, which is most of a file.
    text_level: i32,
    /// Small, so that one organization's rows are cut out of a file without decoding its neighbours'. Pages of 20,000 rows would take
    /// about one byte an event less.
    page_rows: usize,
    /// Reading one row of a column means reading its whole dictionary. Without a limit the dictionaries of near-unique columns were
    /// 1.4 MB of the 1.6 MB that a look into a file of 65,536 rows read.
    dictionary_bytes: usize,
}

const fn effort(kind: Kind) -> Effort {
    match kind {
        Kind::Flushed => Effort { zstd_level: 3, id_level: 3, text_level: 3, page_rows: 1024, dictionary_bytes: 64 * 1024 },
        // A page of metadata is above 256 KiB then: zstd searches better there for the same time. And a row group has few organizations,
        // so that dictionaries of this size have most of their actors.
        Kind::Merged => Effort { zstd_level: 6, id_level: 9, text_level: 6, page_rows: 2048, dictionary_bytes: 128 * 1024 },
        // From level 16 on zstd weighs all ways to write a text: prose gains a sixth, what has a dictionary next to nothing. The levels
        // above take longer and gain as little. Pages of 8192 rows would gain 2.4 bytes of metadata and take a first page twice as long.
        Kind::Packed => Effort { zstd_level: 9, id_level: 16, text_level: 16, page_rows: 4096, dictionary_bytes: 128 * 1024 },
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

/// Columns of text that hardly ever repeats as a whole.
pub fn with_text(properties: WriterPropertiesBuilder, kind: Kind, path: impl Into<ColumnPath>) -> WriterPropertiesBuilder {
    properties.set_column_compression(path.into(), zstd(effort(kind).text_level))
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
    let mut properties = common(kind, &schema(), &[ORGANIZATION_ID, SEQ], &FILTERED, &[SEQ, RECEIVED_AT])
        .set_column_dictionary_enabled(ColumnPath::from(OCCURRED_AT), false);
    if kind != Kind::Flushed {
        // Too many for any dictionary: one would only be read in vain.
        properties = properties.set_column_dictionary_enabled(target_id.clone(), false);
    }
    properties = with_text(with_text(properties, kind, METADATA), kind, target_id.clone());
    [ColumnPath::from(ACTOR_ID), target_id].into_iter().fold(properties, with_bloom_filter).build()
}

/// The columns stand before the first list, so that a column's place is its place among the leaves, which Parquet counts.
fn sorting_columns(schema: &Schema, names: &[&str]) -> Vec<SortingColumn> {
    let place = |name: &&str| schema.index_of(name).ok().and_then(|place| i32::try_from(place).ok());
    let ascending = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: false };
    names.iter().filter_map(place).map(ascending).collect()
}
