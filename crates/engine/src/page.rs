//! Pages of a list, as wire contract §0.4 describes them. Cursors are ids; lists order by id, which is by creation.

/// How a list is ordered and what its cursors mean (wire contract §0.4, table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Newest first; `after` is older.
    #[default]
    Desc,
    /// Oldest first; `after` is newer.
    Asc,
    /// Newest first; `after` is newer.
    Normal,
}

/// What part of a list. Both cursors together narrow from both sides.
#[derive(Debug, Clone)]
pub struct ListQuery<Id> {
    /// 1 to 100.
    pub limit: u32,
    pub before: Option<Id>,
    pub after: Option<Id>,
    pub order: Order,
}

/// One page, with the cursors to put into `list_metadata`.
#[derive(Debug, Clone)]
pub struct Page<T, Id> {
    pub items: Vec<T>,
    pub before: Option<Id>,
    pub after: Option<Id>,
}
