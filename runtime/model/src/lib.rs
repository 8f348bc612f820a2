//! Language models behind HTTP APIs: the OpenAI Responses API, chat completions, which local servers speak too, and the
//! Anthropic Messages API, all of them streamed.
//!
//! The only crate that speaks to a model. What is said is the controller's: [`controller::Prompt`] in, [`controller::Turn`]
//! out. A module an API: how a prompt is written there, and how an answer is put together from its pieces.

mod anthropic;
mod endpoint;
mod names;
mod openai_chat;
mod openai_responses;
mod retry;
mod send;
mod sse;
mod tls;
mod wire;

pub use endpoint::{Api, Endpoint, EndpointError, NoApi, Patience, RemoteModel};
