//! Records that are as odd as the normal form allows.

use std::borrow::Cow;

use annals_core::event::{CommittedEvent, Context, Members, MetadataText, NormalEvent, Party};
use annals_core::ids::{ApiRequestId, AuditEventId, EnvironmentId, FeedEventId, OrganizationId};
use annals_core::json::{Json, utf16_order};
use annals_core::record::{
    ApiRequest, FeedEvent, NewFeedEvent, ObjectText, RequestActor, RequestActorKind, RequestFacts, RequestTarget,
};
use annals_core::time::Micros;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

const ODD: [&str; 18] = [
    "",
    " ",
    "\"",
    "\\",
    "{}",
    "null",
    "=1+1",
    "-2",
    "+3",
    "@cmd",
    "\tx",
    "\rx",
    "a\r\nb,c;\"d\"",
    "\u{0}\u{1f}\u{7f}",
    "\u{1F600}\u{10FFFF}",
    "\u{fb33}\u{e000}",
    "e\u{301}\u{200d}\u{202e}",
    "'quoted'",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z]{1,8}", 2 => proptest::sample::select(&ODD[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn json() -> impl Strategy<Value = Json<'static>> {
    let number = prop_oneof![
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(|n| n as f64),
        (-1e9..1e9_f64),
        Just(1e-27),
        Just(9_007_199_254_740_991.0),
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::Bool),
        number.prop_map(|n| Json::Number(if n == 0.0 { 0.0 } else { n })),
        text().prop_map(|text| Json::String(Cow::Owned(text))),
        Just(Json::Array(vec![Json::Null])),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(Json::Array),
            btree_map(text(), inner, 1..4)
                .prop_map(|map| Json::Object(map.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect())),
        ]
    })
}

fn metadata() -> impl Strategy<Value = Option<MetadataText>> {
    let map = btree_map(text(), json(), 0..4);
    map.prop_map(|map| MetadataText::from_members(map.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect()))
}

fn members() -> impl Strategy<Value = Members> {
    let some = btree_map(text(), json(), 1..4).prop_map(|map| {
        let known = ["id", "type", "name", "metadata", "location", "user_agent"];
        let unknown = map.into_iter().filter(|(name, _)| !known.contains(&name.as_str()));
        let mut members: Members = unknown.map(|(name, value)| (name, value.canonical())).collect();
        members.sort_by(|(a, _), (b, _)| utf16_order(a, b));
        members
    });
    prop_oneof![2 => Just(Members::new()), 1 => some]
}

fn party() -> impl Strategy<Value = Party> {
    (text(), text(), option::of(text()), metadata(), members()).prop_map(|(id, kind, name, metadata, extra)| Party {
        id,
        kind,
        name,
        metadata,
        extra,
    })
}

fn time() -> impl Strategy<Value = Micros> {
    prop_oneof![any::<i64>(), 0..2_000_000_000_000_000_i64].prop_map(Micros::saturating)
}

fn normal_event() -> impl Strategy<Value = NormalEvent> {
    let context = (option::of(text()), option::of(text()), members()).prop_map(|(location, user_agent, extra)| Context {
        location,
        user_agent,
        extra,
    });
    (text(), option::of(1_u32..=1_000_000), time(), party(), vec(party(), 0..5), context, metadata()).prop_map(
        |(action, version, occurred_at, actor, targets, context, metadata)| NormalEvent {
            action,
            version,
            occurred_at,
            actor,
            targets,
            context,
            metadata,
        },
    )
}

/// With any ids, times and place.
pub fn committed_event() -> impl Strategy<Value = CommittedEvent> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<[u8; 16]>());
    (ids, 0..1_u64 << 40, time(), normal_event()).prop_map(|((id, environment, organization), seq, received_at, event)| {
        CommittedEvent {
            id: AuditEventId::from_bytes(id),
            environment: EnvironmentId::from_bytes(environment),
            organization: OrganizationId::from_bytes(organization),
            seq,
            received_at,
            event,
        }
    })
}

fn object() -> impl Strategy<Value = ObjectText> {
    btree_map(text(), json(), 0..4).prop_map(|map| {
        let members = map.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
        ObjectText::of(&Json::Object(members)).expect("a small object")
    })
}

/// With any ids and times.
pub fn feed_event() -> impl Strategy<Value = FeedEvent> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>(), option::of(any::<[u8; 16]>()));
    let content = ("[a-z0-9_]{1,8}(\\.[a-z0-9_]{1,8}){1,3}", object(), option::of(object()));
    (ids, time(), content).prop_map(|((id, environment, organization), received_at, (name, data, context))| FeedEvent {
        id: FeedEventId::from_bytes(id),
        environment: EnvironmentId::from_bytes(environment),
        received_at,
        event: NewFeedEvent {
            organization: organization.map(OrganizationId::from_bytes),
            name: name.parse().expect("a name"),
            data,
            context,
        },
    })
}

/// With any ids and times.
pub fn api_request() -> impl Strategy<Value = ApiRequest> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>(), option::of(any::<[u8; 16]>()));
    let kind = proptest::sample::select(&[RequestActorKind::User, RequestActorKind::ApiKey][..]);
    let actor = (text(), kind, option::of(text())).prop_map(|(id, kind, name)| RequestActor { id, kind, name });
    let target = option::of((text(), text()).prop_map(|(id, kind)| RequestTarget { id, kind }));
    let facts = (text(), actor, text(), text(), text(), any::<u16>(), option::of(text()), target).prop_map(
        |(action, actor, client_ip, method, path, status_code, user_agent, target)| RequestFacts {
            action,
            actor,
            client_ip,
            method,
            path,
            status_code,
            user_agent,
            target,
        },
    );
    (ids, time(), time(), facts).prop_map(|((id, environment, organization), received_at, created_at, request)| ApiRequest {
        id: ApiRequestId::from_bytes(id),
        environment: EnvironmentId::from_bytes(environment),
        organization: organization.map(OrganizationId::from_bytes),
        received_at,
        created_at,
        request,
    })
}
