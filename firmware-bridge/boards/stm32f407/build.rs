//! Hands the linker its script.
fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
