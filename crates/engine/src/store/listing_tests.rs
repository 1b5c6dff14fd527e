//! Each row of the table of wire contract §0.4, over the list 1, 3, 5, 7, 9 (rising is older to newer).

use std::convert::Infallible;

use super::*;

const LIST: [u32; 5] = [1, 3, 5, 7, 9];

fn scan(list: &[u32], scan: Scan<u32>) -> Vec<u32> {
    let inside = |id: &&u32| scan.above.is_none_or(|above| **id > above) && scan.below.is_none_or(|below| **id < below);
    let mut found: Vec<u32> = list.iter().filter(inside).copied().collect();
    if scan.direction == Direction::Falling {
        found.reverse();
    }
    found.truncate(scan.rows as usize);
    found
}

fn read(list: &[u32], query: &ListQuery<u32>) -> Page<u32, u32> {
    let page = page(query, |id| *id, |wanted| std::future::ready(Ok::<_, Infallible>(scan(list, wanted))));
    let Ok(page) = futures::executor::block_on(page);
    page
}

/// `expected`: items, `before`, `after`.
fn check(
    order: Order,
    limit: u32,
    before: impl Into<Option<u32>>,
    after: impl Into<Option<u32>>,
    expected: (&[u32], Option<u32>, Option<u32>),
) {
    let query = ListQuery { limit, before: before.into(), after: after.into(), order };
    let page = read(&LIST, &query);
    assert_eq!((page.items.as_slice(), page.before, page.after), expected, "{query:?}");
}

#[test]
fn descending_lists_newest_first_and_after_is_older() {
    use Order::Desc;
    check(Desc, 2, None, None, (&[9, 7], None, Some(7)));
    check(Desc, 2, None, 7, (&[5, 3], Some(5), Some(3)));
    check(Desc, 2, None, 3, (&[1], Some(1), None));
    check(Desc, 2, None, 1, (&[], None, None));
    check(Desc, 5, None, None, (&[9, 7, 5, 3, 1], None, None));
    check(Desc, 2, 1, None, (&[5, 3], Some(5), Some(3)));
    check(Desc, 2, 5, None, (&[9, 7], None, Some(7)));
    check(Desc, 2, 7, None, (&[9], None, Some(9)));
    check(Desc, 2, 9, None, (&[], None, None));
}

#[test]
fn ascending_lists_oldest_first_and_after_is_newer() {
    use Order::Asc;
    check(Asc, 2, None, None, (&[1, 3], None, Some(3)));
    check(Asc, 2, None, 3, (&[5, 7], Some(5), Some(7)));
    check(Asc, 2, None, 7, (&[9], Some(9), None));
    check(Asc, 2, None, 9, (&[], None, None));
    check(Asc, 2, 9, None, (&[5, 7], Some(5), Some(7)));
    check(Asc, 2, 5, None, (&[1, 3], None, Some(3)));
}

#[test]
fn normal_lists_newest_first_and_swaps_the_cursors() {
    use Order::Normal;
    check(Normal, 2, None, None, (&[9, 7], Some(7), None));
    check(Normal, 2, 7, None, (&[5, 3], Some(3), Some(5)));
    check(Normal, 2, 3, None, (&[1], None, Some(1)));
    check(Normal, 2, None, 1, (&[5, 3], Some(3), Some(5)));
    check(Normal, 2, None, 5, (&[9, 7], Some(7), None));
    check(Normal, 2, None, 9, (&[], None, None));
}

#[test]
fn both_cursors_narrow_from_both_sides() {
    check(Order::Desc, 2, 1, 9, (&[7, 5], Some(7), Some(5)));
    check(Order::Desc, 2, 1, 5, (&[3], Some(3), None));
    check(Order::Desc, 2, 5, 5, (&[], None, None));
    check(Order::Desc, 2, 9, 1, (&[], None, None));
    check(Order::Asc, 2, 9, 1, (&[3, 5], Some(3), Some(5)));
    check(Order::Normal, 2, 9, 1, (&[7, 5], Some(5), Some(7)));
}

#[test]
fn a_cursor_that_is_not_there_is_a_position() {
    check(Order::Desc, 2, None, 6, (&[5, 3], Some(5), Some(3)));
    check(Order::Desc, 2, None, 100, (&[9, 7], None, Some(7)));
    check(Order::Desc, 2, 0, None, (&[3, 1], Some(3), None));
    check(Order::Asc, 2, None, 4, (&[5, 7], Some(5), Some(7)));
    check(Order::Asc, 2, None, 0, (&[1, 3], None, Some(3)));
}

/// Every client pages by following a cursor until it is null. It must end, and see each item once.
#[test]
fn following_a_cursor_reaches_the_end() {
    for length in 0..7 {
        let list: Vec<u32> = (1..=length).collect();
        for limit in 1..4 {
            for order in [Order::Desc, Order::Asc, Order::Normal] {
                check_walk(&list, limit, order);
            }
        }
    }
}

fn check_walk(list: &[u32], limit: u32, order: Order) {
    let mut query = ListQuery { limit, before: None, after: None, order };
    let mut seen: Vec<u32> = Vec::new();
    loop {
        let page = read(list, &query);
        seen.extend(&page.items);
        let next = if order == Order::Normal { page.before } else { page.after };
        assert!(next.is_none() || !page.items.is_empty(), "an empty page must end the walk");
        match (next, order) {
            (None, _) => break,
            (next, Order::Normal) => query.before = next,
            (next, _) => query.after = next,
        }
    }
    if order != Order::Asc {
        seen.reverse();
    }
    assert_eq!(seen, list, "{order:?} by {limit}");
}
