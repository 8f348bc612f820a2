//! End-to-end tests: the real program, run as its users run it.
#![allow(clippy::disallowed_methods, reason = "tests run programs and make files")]

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

mod afterwards;
mod annotations;
mod api;
mod bad_input;
mod cache;
mod calls;
mod conditions;
mod crash;
mod delegation;
mod edges;
mod guests;
mod http;
mod invoke;
mod isolation;
mod lock;
mod made;
mod mcp;
mod model_server;
mod models;
mod observed;
mod path_rules;
mod people;
mod planner;
mod plans;
mod processes;
mod program;
mod readme;
mod rebinding;
mod scenarios;
mod scripts;
mod server;
mod shell;
mod sockets;
mod staged;
mod tasks;
mod updates;
