//! How the columns lie in a Parquet file. Chosen by measuring `annals bench generate`: 400,000 events of 10,000 organizations and
//! 651 canonical bytes, flushed by 65,536.
//!
//! | column | choice | bytes an event | otherwise |
//! |---|---|---|---|
//! | `metadata` | dictionary, if it is small | 65.9 | 65.8 plain; 5 instead of 4 where metadata repeats |
//! | `target_ids` | the same | 23.0 | 23.5 with a dictionary of any size |
//! | `actor_id`, `location` | the same | 8.6, 6.6 | 8.5, 6.0 with a dictionary of any size |
//! | `id` | plain text, which zstd shrinks best | 5.0 | 5.6 with a dictionary, 5.3 as prefixes and suffixes |
//! | `occurred_at` | differences | 4.7 | 6.0 with a dictionary |
//! | `received_at` | differences | 2.0 | 1.5 with a dictionary, but 5.4 where each event has its own commit |
//! | `seq` | differences | 0.3 | 2.1 with a dictionary |
//! | all others | dictionary | 7.3 | `user_agent` 0.6, 3.1 plain |
//! | filters, indexes, footer | | 2.2 | |
//!
//! Together 126 bytes, of which 89 are prose in the metadata and random target ids; events with short metadata take 45. Every
//! encoding here is read by Spark, Trino, DuckDB and Polars from version 1 data pages.

use arrow::datatypes::Schema;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::{ACTION, ACTOR_ID, ACTOR_NAME, ID, OCCURRED_AT, ORGANIZATION_ID, RECEIVED_AT, SEQ, TARGET_IDS, schema};

const ROW_GROUP_ROWS: usize = 65_536;
/// Small, so that one organization's rows are cut out of a file without decoding its neighbours'. Costs about one byte an
/// event against pages of 20,000 rows.
const PAGE_ROWS: usize = 1024;
/// Reading one row of a column means reading its whole dictionary. Without a limit the dictionaries of near-unique columns were
/// 1.4 MB of the 1.6 MB that a look into a file of 65,536 rows read; this limit costs about two bytes an event.
const DICTIONARY_BYTES_MAX: usize = 64 * 1024;
const ZSTD_LEVEL: i32 = 3;
/// One in thirty look-ups opens a row group in vain; a filter takes 8 bits for each distinct id. Half as many would take 16, because
/// filters come in powers of two.
const BLOOM_FALSE_POSITIVES: f64 = 0.03;
const FILTERED: [&str; 7] = [ORGANIZATION_ID, ID, RECEIVED_AT, OCCURRED_AT, ACTION, ACTOR_ID, ACTOR_NAME];
const DIFFERENCES: [&str; 3] = [SEQ, RECEIVED_AT, OCCURRED_AT];

/// What the tables have in common. `filtered` is what filters compare: the pages of these columns carry least and greatest values.
pub fn common(schema: &Schema, sorted: &[&str], filtered: &[&str], differences: &[&str]) -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("annals ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_sorting_columns(Some(sorting_columns(schema, sorted)))
        .set_column_dictionary_enabled(ColumnPath::from(ID), false);
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
pub fn writer_properties() -> WriterProperties {
    let target_id = ColumnPath::from(vec![TARGET_IDS.to_owned(), "list".to_owned(), "element".to_owned()]);
    let properties = common(&schema(), &[ORGANIZATION_ID, SEQ], &FILTERED, &DIFFERENCES);
    [ColumnPath::from(ACTOR_ID), target_id].into_iter().fold(properties, with_bloom_filter).build()
}

/// The columns stand before the first list, so that a column's place is its place among the leaves, which Parquet counts.
fn sorting_columns(schema: &Schema, names: &[&str]) -> Vec<SortingColumn> {
    let place = |name: &&str| schema.index_of(name).ok().and_then(|place| i32::try_from(place).ok());
    let ascending = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: false };
    names.iter().filter_map(place).map(ascending).collect()
}
