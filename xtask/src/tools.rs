//! Finds the tools that the tasks need. What is missing is installed where that can be done without a question, saying so;
//! otherwise the error says exactly what to install.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::run::{command, find, output, run, top};

/// Works with the present compiler; 0.22 wants a newer one.
const TRUNK: &str = "0.21.14";

/// Everything that `cargo xtask test` uses.
pub fn all() -> Outcome {
    page()?;
    node()?;
    wasm_pack()?;
    let browser = browser()?;
    println!("driver of the browser: {}", browser.driver.display());
    Ok(())
}

/// What building the page needs.
pub fn page() -> Outcome {
    wasm_target()?;
    wasm_bindgen()?;
    trunk()?;
    wasm_opt();
    Ok(())
}

fn wasm_target() -> Outcome {
    const TARGET: &str = "wasm32-unknown-unknown";
    let sysroot =
        output(command("rustc --print sysroot")).ok_or("`rustc` does not run: install Rust from rustup.rs")?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    say("the compiler's target for WebAssembly", &format!("rustup target add {TARGET}"));
    run(command(&format!("rustup target add {TARGET}")))
        .map_err(|why| format!("{why}\nInstall the standard library of Rust for {TARGET} as your Rust came to you."))
}

/// The program must speak exactly the library's version.
fn wasm_bindgen() -> Outcome {
    let version = locked_version("wasm-bindgen")?;
    let same = |program: &str| {
        output(command(&format!("{program} --version")))
            .is_some_and(|said| said.split_whitespace().any(|word| word == version))
    };
    if same("wasm-bindgen") && find("wasm-bindgen-test-runner").is_some() {
        return Ok(());
    }
    install("wasm-bindgen-cli", &format!("wasm-bindgen-cli@{version}"), "--force --no-default-features")
}

fn trunk() -> Outcome {
    if output(command("trunk --version")).is_some() {
        return Ok(());
    }
    install("trunk, which builds the page", &format!("trunk@{TRUNK}"), "--no-default-features")
}

/// A tool from its sources, or as its makers built it where `cargo binstall` is there, which checks what it fetches.
///
/// The releases of these tools ask for the slowest build there is (trunk: one unit, optimised across all crates); what they do here is
/// a matter of seconds either way.
fn install(what: &str, package: &str, options: &str) -> Outcome {
    const QUICK_BUILD: [(&str, &str); 4] =
        [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1"), ("DEBUG", "0")];
    if find("cargo-binstall").is_some() {
        let line = format!("cargo binstall --no-confirm {package}");
        say(what, &line);
        match run(command(&line)) {
            Ok(()) => return Ok(()),
            Err(why) => println!("{why}\nThere is none that is ready: it is built here."),
        }
    }
    let line = format!("cargo install --locked {options} {package}");
    say(what, &line);
    let built = |line: &str| {
        let mut cargo = command(line);
        cargo.envs(QUICK_BUILD.map(|(key, value)| (format!("CARGO_PROFILE_RELEASE_{key}"), value)));
        run(cargo)
    };
    built(&line).or_else(|why| {
        let line = format!("cargo install {options} {package}");
        // Some releases carry a lock file that no longer builds.
        println!("{why}\nOnce more with newer dependencies than its makers': {line}");
        built(&line)
    })
}

/// Makes the release smaller; Trunk fetches its own where there is none.
fn wasm_opt() {
    if find("wasm-opt").is_some() {
        return;
    }
    let Some(npm) = find("npm") else {
        return println!("wasm-opt is not here and neither is npm: Trunk fetches wasm-opt by itself");
    };
    let line = format!("{} install --global binaryen", npm.display());
    say("wasm-opt", &line);
    if let Err(why) = run(command(&line)) {
        println!("{why}\nGoing on without: Trunk fetches wasm-opt by itself.");
    }
}

fn node() -> Outcome {
    if find("node").is_some() {
        return Ok(());
    }
    apt("Node.js", &["nodejs"])
}

/// Runs the tests that are compiled to WebAssembly.
fn wasm_pack() -> Outcome {
    if find("wasm-pack").is_some() {
        return Ok(());
    }
    install("wasm-pack", "wasm-pack", "")
}

/// A Chromium and its WebDriver.
pub struct Browser {
    /// The driver's program.
    pub driver: PathBuf,
    /// The browser's, where the driver would not find it by itself.
    pub program: Option<PathBuf>,
}

/// Finds Chromium or Chrome with its driver, or installs them.
pub fn browser() -> Outcome<Browser> {
    if let Some(browser) = find_browser() {
        return Ok(browser);
    }
    apt("Chromium and its driver", &["chromium", "chromium-driver"])?;
    find_browser()
        .ok_or_else(|| "chromium was installed, but there is no `chromedriver`: set CHROMEDRIVER to its path".into())
}

fn find_browser() -> Option<Browser> {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file());
    let driver = named("CHROMEDRIVER").or_else(|| find("chromedriver"))?;
    let program = named("CHROME").or_else(|| {
        ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().find_map(find)
    });
    Some(Browser { driver, program })
}

/// Whether we are root: then packages may be installed, and Chromium wants to be told to run without its sandbox.
pub fn is_root() -> bool {
    output(command("id -u")).is_some_and(|id| id.trim() == "0")
}

fn apt(what: &str, packages: &[&str]) -> Outcome {
    let packages = packages.join(" ");
    if !is_root() || find("apt-get").is_none() {
        return Err(format!(
            "{what} missing. Install the packages `{packages}` (Debian: `sudo apt-get install {packages}`), and run this again."
        ));
    }
    let line = format!("apt-get install --yes --no-install-recommends {packages}");
    say(what, &line);
    let quiet = |line: &str| {
        let mut command = command(line);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        run(command)
    };
    quiet("apt-get update")?;
    quiet(&line)
}

/// The version of a package in `Cargo.lock`.
fn locked_version(package: &str) -> Outcome<String> {
    let lock = std::fs::read_to_string(top().join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    lock.split("[[package]]")
        .find_map(|entry| {
            let value = |key: &str| entry.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix("= "));
            (value("name ")?.trim_matches('"') == package).then(|| value("version ").unwrap_or_default())
        })
        .map(|version| version.trim_matches('"').to_string())
        .ok_or_else(|| format!("Cargo.lock does not name {package}"))
}

fn say(what: &str, line: &str) {
    println!("installing {what}: {line}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_lock_file_gives_the_version_of_wasm_bindgen() {
        let version = super::locked_version("wasm-bindgen").expect("in the lock file");
        assert!(version.starts_with("0.2."), "{version}");
    }
}
