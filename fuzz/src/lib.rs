//! What the fuzz targets share: the harness of otr-core's own tests.

#![allow(dead_code, unreachable_pub, reason = "each target uses a part")]

#[path = "../../otr-core/tests/common/forge.rs"]
pub mod forge;
#[path = "../../otr-core/tests/common/pair.rs"]
pub mod pair;
#[path = "../../otr-core/tests/common/world.rs"]
pub mod world;
