//! A Chromium that a test drives: as much of the WebDriver protocol as we use, over a plain socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::tools::{self, Browser};
use crate::{Outcome, run};

/// How long a script of a test may take in the page.
const PATIENCE: Duration = Duration::from_secs(120);

/// One browser window with its own profile. Both end when this is dropped.
pub struct Window {
    driver: Child,
    port: u16,
    session: String,
}

impl Window {
    /// Starts a driver and a browser.
    pub fn open(browser: &Browser) -> Outcome<Self> {
        let mut command = Command::new(&browser.driver);
        command.arg("--port=0").env("PATH", run::search_path()).stdin(Stdio::null()).stderr(Stdio::null());
        let mut driver = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", browser.driver.display()))?;
        let port = driver.stdout.take().and_then(port_of).ok_or("chromedriver did not say its port")?;
        let mut window = Self { driver, port, session: String::new() };
        let answer = window.ask("POST", "/session", &capabilities(browser))?;
        window.session = text(&answer, "/sessionId").to_string();
        window.post("timeouts", &json!({ "script": PATIENCE.as_millis() as u64 }))?;
        Ok(window)
    }

    /// Goes to an address and waits until it has loaded.
    pub fn go(&mut self, address: &str) -> Outcome {
        self.post("url", &json!({ "url": address })).map(drop)
    }

    /// The value of a JavaScript function's body.
    pub fn script(&mut self, body: &str, arguments: &[Value]) -> Outcome<Value> {
        self.post("execute/sync", &json!({ "script": body, "args": arguments }))
    }

    /// The value of a JavaScript function's body that may `await`. An exception is an error.
    pub fn wait(&mut self, body: &str, arguments: &[Value]) -> Outcome<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1]; const given = Array.from(arguments).slice(0, -1); \
             (async function() {{ {body} }}).apply(null, given) \
             .then(value => done({{ value }}), error => done({{ error: String(error && error.message || error) }}));"
        );
        let answer = self.post("execute/async", &json!({ "script": script, "args": arguments }))?;
        match answer.get("error") {
            Some(error) => Err(error.as_str().unwrap_or("an error without words").to_string()),
            None => Ok(answer.get("value").cloned().unwrap_or_default()),
        }
    }

    /// A command of Chromium's own protocol.
    pub fn chromium(&mut self, command: &str, parameters: &Value) -> Outcome<Value> {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The console's errors since the last call.
    pub fn errors(&mut self) -> Outcome<Vec<String>> {
        let entries = self.post("se/log", &json!({ "type": "browser" }))?;
        let severe = entries.as_array().into_iter().flatten().filter(|entry| text(entry, "/level") == "SEVERE");
        Ok(severe.map(|entry| text(entry, "/message").to_string()).collect())
    }

    fn post(&mut self, what: &str, body: &Value) -> Outcome<Value> {
        let path = format!("/session/{}/{what}", self.session);
        self.ask("POST", &path, body)
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let body = body.to_string();
        let answer = self.exchange(method, path, &body).map_err(|e| format!("the browser's driver: {e}"))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|e| format!("the browser's driver: {e}"))?;
        let value = answer.get("value").cloned().unwrap_or_default();
        match value.get("error").and_then(Value::as_str) {
            Some(error) if value.get("stacktrace").is_some() => Err(format!("{error}: {}", text(&value, "/message"))),
            _ => Ok(value),
        }
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE + Duration::from_secs(30)))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}",
            self.port
        )?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            self.ask("DELETE", &path, &json!({})).ok();
        }
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

/// The text at a pointer into a JSON value, empty if there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn capabilities(browser: &Browser) -> Value {
    let mut arguments =
        vec!["--headless=new", "--window-size=1440,900", "--disable-dev-shm-usage", "--hide-scrollbars"];
    if tools::is_root() {
        arguments.push("--no-sandbox");
    }
    let mut options = json!({ "args": arguments });
    if let Some(program) = &browser.program {
        options["binary"] = json!(program);
    }
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
    } } })
}

/// Reads the port from what the driver says of itself. The rest of its output is read and forgotten, so that it never blocks.
fn port_of(output: ChildStdout) -> Option<u16> {
    let mut lines = BufReader::new(output).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, rest) = line.split_once("started successfully on port ")?;
        rest.trim().trim_end_matches('.').parse().ok()
    });
    std::thread::spawn(move || lines.for_each(drop));
    port
}
