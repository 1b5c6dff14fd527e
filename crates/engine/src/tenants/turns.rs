//! What is scarce, shared out: so much for everybody together, and less for each owner of keys, so that no tenant takes all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use annals_core::ids::{EnvironmentId, OrganizationId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Scope;

/// Owners that are remembered before those without a turn are forgotten.
const OWNERS_KEPT: usize = 10_000;

/// Who owns a key: an environment, or an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner {
    pub(super) environment: EnvironmentId,
    pub(super) only: Option<OrganizationId>,
}

/// How many turns there are at a time, at least 1 of each.
#[derive(Debug, Clone, Copy)]
pub struct Shares {
    pub all: usize,
    /// With the environment's own keys.
    pub of_environment: usize,
    pub of_organization: usize,
}

#[derive(Debug)]
pub struct Turns {
    shares: Shares,
    all: Arc<Semaphore>,
    owners: Mutex<HashMap<Owner, Arc<Semaphore>>>,
}

/// Gives itself back when it is dropped.
#[derive(Debug)]
pub struct Turn {
    _of_owner: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    #[must_use]
    pub fn new(shares: Shares) -> Self {
        Self { shares, all: Arc::new(Semaphore::new(shares.all)), owners: Mutex::default() }
    }

    /// Waits: first for one of the owner's own turns, so that whoever asks for many keeps nobody else waiting.
    pub async fn turn(&self, owner: Owner) -> Turn {
        let of_owner = self.of(owner).acquire_owned().await.expect("never closed");
        let of_all = Arc::clone(&self.all).acquire_owned().await.expect("never closed");
        Turn { _of_owner: of_owner, _of_all: of_all }
    }

    /// `None` when there is none at once.
    #[must_use]
    pub fn try_turn(&self, owner: Owner) -> Option<Turn> {
        let of_owner = self.of(owner).try_acquire_owned().ok()?;
        let of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Turn { _of_owner: of_owner, _of_all: of_all })
    }

    fn of(&self, owner: Owner) -> Arc<Semaphore> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= OWNERS_KEPT {
            // Whoever has a turn, or waits for one, holds the owner's turns too.
            owners.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        let share = if owner.only.is_some() { self.shares.of_organization } else { self.shares.of_environment };
        Arc::clone(owners.entry(owner).or_insert_with(|| Arc::new(Semaphore::new(share))))
    }
}

impl Scope {
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner { environment: self.environment, only: self.only }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenants::fixtures::{environment_scope, organization_scope};

    fn turns() -> Turns {
        Turns::new(Shares { all: 4, of_environment: 3, of_organization: 2 })
    }

    #[test]
    fn an_owner_has_its_share_and_no_more() {
        for (owner, share) in [(environment_scope(1).owner(), 3), (organization_scope(1, 1).owner(), 2)] {
            let turns = turns();
            let taken: Vec<_> = (0..share).map(|_| turns.try_turn(owner).unwrap()).collect();
            assert!(turns.try_turn(owner).is_none(), "{owner:?}");
            assert!(turns.try_turn(organization_scope(1, 2).owner()).is_some(), "{owner:?}");
            assert!(turns.try_turn(organization_scope(2, 1).owner()).is_some(), "{owner:?}");
            drop(taken);
            assert!(turns.try_turn(owner).is_some(), "{owner:?}");
        }
    }

    #[test]
    fn together_they_have_all_and_no_more() {
        let turns = turns();
        let taken: Vec<_> = (0..4).map(|n| turns.try_turn(organization_scope(1, n).owner()).unwrap()).collect();
        assert!(turns.try_turn(organization_scope(1, 9).owner()).is_none());
        drop(taken);
        assert!(turns.try_turn(organization_scope(1, 9).owner()).is_some());
    }

    #[tokio::test]
    async fn whoever_asks_for_many_keeps_nobody_else_waiting() {
        let turns = Arc::new(turns());
        let greedy = organization_scope(1, 1).owner();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let turns = Arc::clone(&turns);
            waiting.spawn(async move {
                let _turn = turns.turn(greedy).await;
                std::future::pending::<()>().await;
            });
        }
        tokio::task::yield_now().await;
        let others = [turns.turn(organization_scope(1, 2).owner()).await, turns.turn(environment_scope(1).owner()).await];
        waiting.shutdown().await;
        drop(others);
        turns.turn(greedy).await;
    }

    #[test]
    fn owners_without_a_turn_are_forgotten() {
        let turns = turns();
        let kept = turns.try_turn(environment_scope(1).owner());
        for n in 0..2 * OWNERS_KEPT as u64 {
            drop(turns.try_turn(organization_scope(1, n).owner()));
        }
        assert!(turns.owners.lock().unwrap().len() <= OWNERS_KEPT);
        assert!(turns.owners.lock().unwrap().contains_key(&environment_scope(1).owner()) && kept.is_some());
    }
}
