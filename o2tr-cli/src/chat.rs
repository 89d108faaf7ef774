//! `o2tr chat`: a full-screen program for people.
//!
//! [`model`] is what is known, `update` makes the next model out of something that happened and says what is wished,
//! [`view`] draws a model, [`run`] joins them with the client and the terminal. Only `run` has effects, so everything
//! that is shown can be tested without a terminal. Nothing is written to the disk but by the engine.

#![allow(dead_code)]

mod editor;
mod markup;
mod model;
mod run;
mod text;
mod update;
mod view;
mod wish;
mod words;

#[cfg(test)]
mod tests;

use update::search_hits;
