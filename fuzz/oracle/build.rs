//! Compiles the C half and links libotr and libgcrypt as the system has them.

fn main() {
    println!("cargo:rerun-if-changed=src/oracle.c");
    println!("cargo:rerun-if-changed=src/oracle.h");
    let libotr = match pkg_config::probe_library("libotr") {
        Ok(library) => library,
        Err(error) => panic!("libotr is missing (Debian: libotr5-dev; `cargo xtask provision libotr`): {error}"),
    };
    cc::Build::new().file("src/oracle.c").includes(libotr.include_paths).warnings(true).compile("oracle");
    println!("cargo:rustc-link-lib=otr");
    println!("cargo:rustc-link-lib=gcrypt");
}
