//! Pickles of Python, parsed and never executed: what a program would make of numbers, texts, lists and dictionaries, and the names of
//! what it would call.
//!
//! What a call means is for those to say who know its function: the tensors of PyTorch ([`interop::pytorch`](crate::interop::pytorch)), the
//! arrays of CIFAR ([`data::cifar`](crate::data::cifar)). Anything else is a call without effect.

mod machine;
mod numpy;

pub(crate) use machine::{Id, Pickle, Value};
