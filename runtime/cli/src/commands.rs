//! One file per command.

pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod diff_package;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod lock;
pub(crate) mod mcp;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod staged;
pub(crate) mod tail;
pub(crate) mod tasks;
pub(crate) mod tools;
