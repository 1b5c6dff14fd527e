//! Pages of lists, and lists as streams.

use std::future::Future;

use futures::stream::{self, Stream};
use serde::Deserialize;

use crate::error::Error;
use crate::transport::Query;

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Cursor of the page before this one.
    pub before: Option<String>,
    /// Cursor of the page after this one. `None`: this is the last.
    pub after: Option<String>,
}

/// Which way a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    Desc,
    /// Oldest first.
    Asc,
}

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paging {
    /// Items of one page; the server's default unless set. Streams ask for the largest pages.
    pub limit: Option<u32>,
    pub before: Option<String>,
    pub after: Option<String>,
    /// The server's default unless set.
    pub order: Option<Order>,
}

/// The envelope, read with more patience than ours is written with: other servers leave out what we always send.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T> {
    data: Vec<T>,
    #[serde(default)]
    list_metadata: Cursors,
}

#[derive(Debug, Default, Deserialize)]
struct Cursors {
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    after: Option<String>,
}

impl<T> From<Envelope<T>> for Page<T> {
    fn from(list: Envelope<T>) -> Self {
        let Cursors { before, after } = list.list_metadata;
        // Some servers mean "none" by an empty text.
        let live = |cursor: Option<String>| cursor.filter(|cursor| !cursor.is_empty());
        Self { items: list.data, before: live(before), after: live(after) }
    }
}

impl Order {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Desc => "desc",
            Self::Asc => "asc",
        }
    }
}

impl Paging {
    pub(crate) fn put_into(&self, query: Query) -> Query {
        query
            .number("limit", self.limit)
            .text("before", self.before.as_deref())
            .text("after", self.after.as_deref())
            .text("order", self.order.map(Order::name))
    }

    /// The page at this cursor, or the one that was asked for when there is none yet.
    pub(crate) fn next(&mut self, after: Option<String>, largest: u32) {
        self.limit.get_or_insert(largest);
        if after.is_some() {
            self.after = after;
        }
    }
}

/// All items from page to page. `page` gets the cursor of the page to read, `None` for the first. Ends after an error.
pub(crate) fn every<T, F, Fut>(page: F) -> impl Stream<Item = Result<T, Error>> + Send
where
    T: Send + 'static,
    F: Fn(Option<String>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Page<T>, Error>> + Send,
{
    enum Next {
        Page(Option<String>),
        End,
    }
    struct State<F, T> {
        page: F,
        items: std::vec::IntoIter<T>,
        next: Next,
    }
    let state = State { page, items: Vec::new().into_iter(), next: Next::Page(None) };
    stream::try_unfold(state, |mut state| async move {
        loop {
            if let Some(item) = state.items.next() {
                return Ok(Some((item, state)));
            }
            let Next::Page(cursor) = std::mem::replace(&mut state.next, Next::End) else { return Ok(None) };
            let page = (state.page)(cursor.clone()).await?;
            state.next = match page.after {
                // A page that names itself as the next one would never end; neither would one without items.
                Some(after) if Some(&after) != cursor.as_ref() && !page.items.is_empty() => Next::Page(Some(after)),
                _ => Next::End,
            };
            state.items = page.items.into_iter();
        }
    })
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, TryStreamExt, future};

    use super::*;

    async fn collect(answers: &'static [(&'static [u32], Option<&'static str>)]) -> Vec<u32> {
        let page = move |cursor: Option<String>| {
            let index: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
            let (items, after) = answers[index];
            future::ready(Ok(Page { items: items.to_vec(), before: None, after: after.map(str::to_owned) }))
        };
        every(page).take(20).try_collect().await.unwrap()
    }

    #[tokio::test]
    async fn every_item_comes_once_and_the_end_is_found() {
        assert_eq!(collect(&[(&[1, 2], Some("1")), (&[3], None)]).await, [1, 2, 3]);
        assert_eq!(collect(&[(&[], None)]).await, [0; 0]);
        // Servers that never say "end".
        assert_eq!(collect(&[(&[1], Some("1")), (&[], Some("2"))]).await, [1]);
        assert_eq!(collect(&[(&[1], Some("1")), (&[2], Some("1"))]).await, [1, 2]);
    }

    #[tokio::test]
    async fn an_error_ends_the_stream() {
        let page = |_| future::ready(Err::<Page<u32>, _>(Error::Unsendable("x".to_owned())));
        let items: Vec<_> = every(page).collect().await;
        assert!(matches!(items[..], [Err(Error::Unsendable(_))]));
    }

    #[test]
    fn envelopes_of_other_servers_are_read() {
        for (text, after) in [
            (r#"{"data":[1],"list_metadata":{"after":"x"}}"#, Some("x")),
            (r#"{"object":"list","data":[1],"list_metadata":{"before":null,"after":""}}"#, None),
            (r#"{"data":[1]}"#, None),
        ] {
            let page: Page<u32> = serde_json::from_str::<Envelope<u32>>(text).unwrap().into();
            assert_eq!((page.items, page.after.as_deref()), (vec![1], after), "{text}");
        }
    }
}
