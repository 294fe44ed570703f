//! Reads and compiles the built-in policies, so that no process has to do it again.

#[path = "src/language/mod.rs"]
#[expect(dead_code, unused_imports, unreachable_pub, reason = "the library uses the rest of the language")]
mod language;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use language::{Arch, Definition, compile};

fn main() -> Result<(), Box<dyn Error>> {
    for watched in ["build.rs", "src/language", "profiles", "groups"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    let target = env::var("CARGO_CFG_TARGET_ARCH")?;
    let arch = Arch::from_name(&target).ok_or_else(|| format!("Dayfly does not run on {target}"))?;
    let out = env::var("OUT_DIR")?;
    for entry in fs::read_dir("profiles")? {
        build(&entry?.path(), arch, Path::new(&out))?;
    }
    Ok(())
}

fn build(profile: &Path, arch: Arch, out: &Path) -> Result<(), Box<dyn Error>> {
    let definition = Definition::parse(&fs::read_to_string(profile)?, &profile.display().to_string())?;
    let filter = compile(definition.name(), &definition.rules()?, arch)?;
    let file = out.join(definition.name());
    fs::write(file.with_extension("bpf"), filter.to_bytes())?;
    fs::write(file.with_extension("json"), serde_json::to_vec(&definition.into_head())?)?;
    Ok(())
}
