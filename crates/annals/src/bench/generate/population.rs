//! Who and what exists: organizations, their members, their things. Each is computed from the seed and its number when an event
//! needs it, so a billion events need no more memory than a thousand.

use std::sync::Arc;

use super::address::address_of;
use super::catalog::{IdShape, Stock, TargetKind};
use super::draw::{Draw, Subject};
use super::event::{Entity, Metadata};
use super::ids::{push_ulid, push_uuid};
use super::plan::Plan;
use super::time::DAY;
use super::words::{
    BROWSERS, CLIENTS, COMPANY_FIRST, COMPANY_FORM, COMPANY_SECOND, GIVEN_NAMES, SERVICE_ACTORS, SURNAMES, WORDS,
};
use super::zipf::Zipf;

const ORGANIZATION_EXPONENT: f64 = 1.05;
const MEMBER_EXPONENT: f64 = 1.2;
const MEMBERS_MAX: u32 = 5_000;
const MEMBERS_MIN: u32 = 5;
/// One in so many members is a program.
const MEMBERS_PER_SERVICE: u64 = 16;

#[derive(Debug, PartialEq)]
pub struct Organization {
    /// The busiest is 0.
    pub rank: u32,
    pub external_id: String,
    pub name: String,
    pub members: u32,
}

/// Somebody of an organization in one event: the address and the device are drawn among those that the member has.
pub struct Member {
    pub entity: Entity,
    pub location: String,
    pub user_agent: &'static str,
}

pub struct Population {
    plan: Plan,
    organizations: Vec<Arc<Organization>>,
    by_size: Zipf,
    by_activity: Zipf,
}

impl Population {
    pub fn new(plan: &Plan) -> Population {
        let count = plan.organizations.get();
        Population {
            organizations: (0..count).map(|rank| Arc::new(organization(plan.seed, rank, count))).collect(),
            by_size: Zipf::new(count as usize, ORGANIZATION_EXPONENT),
            by_activity: Zipf::new(MEMBERS_MAX as usize, MEMBER_EXPONENT),
            plan: plan.clone(),
        }
    }

    pub fn organizations(&self) -> &[Arc<Organization>] {
        &self.organizations
    }

    pub fn organization(&self, draw: &mut Draw) -> &Arc<Organization> {
        &self.organizations[self.by_size.rank(draw, self.organizations.len())]
    }

    pub fn member(&self, organization: &Organization, draw: &mut Draw) -> Member {
        let number = self.by_activity.rank(draw, organization.members as usize) as u64;
        let rank = u64::from(organization.rank);
        let mut own = Draw::of(self.plan.seed, Subject::Actor, &[rank, number]);
        let entity = self.member_entity(number, &mut own);
        let is_service = is_service(number);
        let devices = if is_service { &CLIENTS[..] } else { &BROWSERS[..] };
        let (usual, other) = (own.pick(devices), own.pick(devices));
        // One address for six in ten, two for three, three for one.
        let addresses = own.pick(&[1, 1, 1, 1, 1, 1, 2, 2, 2, 3]);
        let address = draw.below(addresses);
        Member {
            entity,
            location: address_of(&mut Draw::of(self.plan.seed, Subject::Address, &[rank, number, address])),
            user_agent: if draw.chance(0.85) { usual } else { other },
        }
    }

    fn member_entity(&self, number: u64, own: &mut Draw) -> Entity {
        let milliseconds = self.before_the_start(own);
        let mut id = String::with_capacity(34);
        id.push_str(if is_service(number) { "api_key_" } else { "user_" });
        push_ulid(&mut id, milliseconds, own);
        let (given, surname) = (own.pick(&GIVEN_NAMES), own.pick(&SURNAMES));
        let name = if is_service(number) { own.pick(&SERVICE_ACTORS).to_owned() } else { format!("{given} {surname}") };
        let kind = if is_service(number) { "api_key" } else { "user" };
        Entity { id, kind, name: Some(name), metadata: Metadata::default() }
    }

    /// A thing that an action is done to. New things carry the event's time in their id.
    pub fn target(&self, kind: TargetKind, organization: &Organization, milliseconds: u64, draw: &mut Draw) -> Entity {
        let rank = u64::from(organization.rank);
        let members = u64::from(organization.members);
        match kind.stock() {
            Stock::Members => {
                let number = draw.below(members);
                let person = if is_service(number) { number - 1 } else { number };
                let mut own = Draw::of(self.plan.seed, Subject::Actor, &[rank, person]);
                self.member_entity(person, &mut own)
            }
            Stock::PerMember(things) => {
                // The cube makes some things popular: one in a hundred is what a fifth of the actions are done to.
                let point = draw.unit();
                let number = (point * point * point * (members * u64::from(things)) as f64) as u64;
                let mut own = Draw::of(self.plan.seed, Subject::Object, &[rank, kind as u64, number]);
                let milliseconds = self.before_the_start(&mut own);
                thing(kind, milliseconds, &mut own, true)
            }
            Stock::Fresh => thing(kind, milliseconds, draw, false),
        }
    }

    /// Milliseconds of a moment in the three years before the data begins, though not before 1970.
    fn before_the_start(&self, own: &mut Draw) -> u64 {
        const MILLISECONDS_PER_DAY: u64 = DAY / 1_000_000;
        let start = self.plan.start / 1_000_000;
        start - own.below((3 * 365 * MILLISECONDS_PER_DAY).min(start))
    }
}

fn is_service(member: u64) -> bool {
    member % MEMBERS_PER_SERVICE == MEMBERS_PER_SERVICE - 1
}

fn organization(seed: u64, rank: u32, organizations: u32) -> Organization {
    let mut draw = Draw::of(seed, Subject::Organization, &[rank.into()]);
    let mut external_id = String::with_capacity(36);
    push_uuid(&mut external_id, &mut draw);
    let (first, second, form) = (draw.pick(&COMPANY_FIRST), draw.pick(&COMPANY_SECOND), draw.pick(&COMPANY_FORM));
    // Falls from the most members at rank 1 to the fewest at the last rank.
    let fall = f64::from(MEMBERS_MAX / MEMBERS_MIN).ln() / f64::from(organizations.max(2)).ln();
    let members = (f64::from(MEMBERS_MAX) * f64::from(rank + 1).powf(-fall)).round() as u32;
    Organization { rank, external_id, name: format!("{first} {second} {form}"), members: members.max(MEMBERS_MIN) }
}

fn thing(kind: TargetKind, milliseconds: u64, draw: &mut Draw, is_named: bool) -> Entity {
    let mut id = String::with_capacity(40);
    match kind.id_shape() {
        IdShape::Ulid(prefix) => {
            id.push_str(prefix);
            push_ulid(&mut id, milliseconds, draw);
        }
        IdShape::Uuid => push_uuid(&mut id, draw),
    }
    let name = is_named.then(|| {
        let mut name = format!("{} {}", draw.pick(&WORDS), draw.pick(&WORDS));
        if kind == TargetKind::File {
            name.push_str(draw.pick(&[".pdf", ".xlsx", ".png", ".docx"]));
        }
        name
    });
    Entity { id, kind: kind.wire_name(), name, metadata: Metadata::default() }
}
