//! An answer that is the same for everybody who asks within a moment: one of them looks, the others get what it saw. So whoever asks without
//! end, and without a key, costs no more than one who asks now and then.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

pub struct Glance<T> {
    lifetime: Duration,
    /// What was seen, and when the look had ended.
    seen: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Glance<T> {
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, seen: Mutex::new(None) }
    }

    /// What was seen lately, or what `look` sees. One looks at a time; who waited meanwhile gets the same.
    pub async fn or_look(&self, look: impl Future<Output = T>) -> T {
        let mut seen = self.seen.lock().await;
        if let Some((at, what)) = &*seen
            && at.elapsed() < self.lifetime
        {
            return what.clone();
        }
        let what = look.await;
        *seen = Some((Instant::now(), what.clone()));
        what
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn looks(lifetime: Duration) -> u32 {
        let (glance, looks) = (Glance::new(lifetime), AtomicU32::new(0));
        let look = async || {
            tokio::task::yield_now().await;
            looks.fetch_add(1, Ordering::Relaxed)
        };
        futures::future::join_all((0..20).map(|_| glance.or_look(look()))).await;
        glance.or_look(look()).await;
        looks.into_inner()
    }

    #[tokio::test]
    async fn many_who_ask_are_one_look_while_it_counts() {
        assert_eq!(looks(Duration::MAX).await, 1);
        assert_eq!(looks(Duration::ZERO).await, 21);
    }

    #[tokio::test]
    async fn a_look_that_nobody_waits_for_any_more_is_none() {
        let glance = Glance::new(Duration::MAX);
        let hanging = glance.or_look(std::future::pending::<u32>());
        assert!(tokio::time::timeout(Duration::from_millis(1), hanging).await.is_err());
        assert_eq!(glance.or_look(async { 7 }).await, 7);
    }
}
