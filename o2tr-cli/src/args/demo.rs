//! The options of `o2tr demo`.

use std::path::PathBuf;

use clap::Args;

/// Watch a conversation survive a crash, and plain OTR lose it
///
/// Two people talk, each a process of its own with a store in a temporary directory. One is killed while messages are
/// under way, comes back, and reads them all; then the same happens to plain OTR. It takes a few seconds and needs
/// no network.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Also write a page that shows keys and messages as a diagram
    #[arg(long, value_name = "FILE.html")]
    pub(crate) trace: Option<PathBuf>,
    /// Print what happened as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
