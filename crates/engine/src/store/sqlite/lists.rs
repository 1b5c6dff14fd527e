//! One page's scan as SQL. Every list has an `id` column, and its statement says `id > ?1 AND id < ?2`.

use annals_core::ids::EnvironmentId;
use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;

use super::row::StoredId;
use crate::store::listing::Scan;

/// Completes a statement by order and limit. Its own parameters begin at `?4`.
macro_rules! scan_sql {
    ($direction:expr, $select:literal) => {
        match $direction {
            $crate::store::listing::Direction::Rising => concat!($select, " ORDER BY id LIMIT ?3"),
            $crate::store::listing::Direction::Falling => concat!($select, " ORDER BY id DESC LIMIT ?3"),
        }
    };
}
pub(super) use scan_sql;

/// Binds `?1` to `?3`.
pub(super) fn scan_query<I: StoredId>(sql: &'static str, scan: Scan<I>) -> Query<'static, Sqlite, SqliteArguments> {
    // Without a bound: the empty value comes before every id, and 17 bytes of 255 after it.
    let above = scan.above.map_or_else(Vec::new, I::to_stored);
    let below = scan.below.map_or_else(|| vec![0xFF; 17], I::to_stored);
    sqlx::query(sql).bind(above).bind(below).bind(scan.rows)
}

/// What most statements begin with.
pub(super) fn in_environment(sql: &'static str, environment: EnvironmentId) -> Query<'static, Sqlite, SqliteArguments> {
    sqlx::query(sql).bind(environment.to_stored())
}
