//! Connections by address: one stranger must not hold all that the process can.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The lock is a std one: it is never held across an await, and taken twice for each connection.
pub struct Addresses {
    each_max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of an address. Gives itself back when it is dropped.
pub struct Counted {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    pub fn new(each_max: usize) -> Arc<Self> {
        Arc::new(Self { each_max, open: Mutex::default() })
    }

    /// `None`: the address has as many as it may.
    pub fn count(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        (*count < self.each_max).then(|| {
            *count += 1;
            Counted { addresses: Arc::clone(self), address }
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_connections_and_is_forgotten_without_any() {
        let addresses = Addresses::new(2);
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held = [addresses.count(here), addresses.count(here), addresses.count(there)];
        assert!(held.iter().all(Option::is_some) && addresses.count(here).is_none());
        drop(held);
        assert!(addresses.count(here).is_some());
        assert_eq!(addresses.open.lock().unwrap().len(), 0);
    }
}
