//! Single steps of the protocol for those who hold the keys: auditors, tests, demonstrations of deniability.
//!
//! libotr ships the same as command line tools: `otr_sesskeys` is [`exchange_keys`] and [`data_keys`],
//! `otr_mackey` is [`mac_key`], `otr_readforge` is [`read`] and [`forge`], `otr_modify` is [`modify`],
//! `otr_remac` is [`remac`]; `otr_parse` is [`decode_data`](crate::decode_data) with the types of
//! [`wire`](crate::wire). A chat program needs none of it.

mod data;
mod exchange;

pub use data::{ForgeError, authenticate, forge, mac_key, modify, read, remac};
pub use exchange::{
    Proof, data_keys, exchange_keys, open_commit, open_proof, public_value, shared_secret, signed_value,
};
