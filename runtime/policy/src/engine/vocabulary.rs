//! The names that policies use, as the schema declares them.

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema};
use std::sync::LazyLock;

/// What can be asked of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Action {
    Call,
    Read,
    Write,
    Request,
    Resolve,
    Connect,
    Datagram,
    Listen,
    Reach,
    Inject,
    Use,
    Invoke,
    Exec,
    Reveal,
}

impl Action {
    pub(super) const ALL: [Self; 14] = [
        Self::Call,
        Self::Read,
        Self::Write,
        Self::Request,
        Self::Resolve,
        Self::Connect,
        Self::Datagram,
        Self::Listen,
        Self::Reach,
        Self::Inject,
        Self::Use,
        Self::Invoke,
        Self::Exec,
        Self::Reveal,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Read => "read",
            Self::Write => "write",
            Self::Request => "request",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Datagram => "datagram",
            Self::Listen => "listen",
            Self::Reach => "reach",
            Self::Inject => "inject",
            Self::Use => "use",
            Self::Invoke => "invoke",
            Self::Exec => "exec",
            Self::Reveal => "reveal",
        }
    }

    /// Whether only a policy that names it permits it.
    pub(super) fn must_be_named(self) -> bool {
        self == Self::Reach
    }

    pub(super) fn uid(self) -> EntityUid {
        entity(Kind::Action, self.as_str())
    }
}

/// The schema, parsed once.
pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let (schema, _) = Schema::from_cedarschema_str(include_str!("schema.cedarschema"))
        .expect("the schema is part of the program, and every test of this crate loads it");
    schema
});

macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        /// The types of entities that requests speak of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Kind {
            $($kind),*
        }

        /// In the order of the kinds.
        static TYPES: LazyLock<Vec<EntityTypeName>> = LazyLock::new(|| {
            let parse = |name: &str| name.parse().expect("a plain identifier is a type's name");
            vec![$(parse(stringify!($kind))),*]
        });
    };
}
kinds!(
    Action, Address, Agent, Arguments, Clock, Host, Marks, Mount, Package, Random, Role, Secret, Sources, Tenant, Tool,
    Variable
);

/// The entity that policies spell `KIND::"id"`.
pub(super) fn entity(kind: Kind, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(TYPES[kind as usize].clone(), EntityId::new(id))
}
