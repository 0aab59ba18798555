//! A seat at a desk: one home, its door, calls by name with JSON as the command line carries them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use desk::Reader;
use desk::api::Answer;
use desk::door::{Door, DoorOptions};
use desk::failure::Failure;
use serde_json::{Value, json};

use crate::program::{program, while_none_starts};
use crate::world::moment;

/// The passphrase of every home of a test.
pub const PASSPHRASE: &str = "green river 7 stones";

/// One person's desk. Dropping it locks the home.
pub struct Seat {
    home: PathBuf,
    door: Option<Door>,
}

impl Seat {
    /// Sits down before a home folder, with a practice clock that shows `clock` (RFC 3339) now. Nothing is opened.
    pub fn before(home: &Path, clock: &str) -> Self {
        Self { home: home.to_owned(), door: Some(door(home, clock)) }
    }

    fn leave(&mut self) {
        let door = self.door.take();
        while_none_starts(|| drop(door));
    }

    /// The home's folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The door.
    pub fn door(&self) -> &Door {
        self.door.as_ref().expect("a seat has a door")
    }

    /// Locks the home and opens it again at another moment (RFC 3339).
    ///
    /// # Panics
    /// When it does not open.
    pub fn reopen(&mut self, clock: &str) {
        // First the old door: it holds the home's lock.
        self.leave();
        self.door = Some(door(&self.home, clock));
        self.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    }

    /// Calls `name`; the reply's body or the failure.
    ///
    /// # Errors
    /// The failure.
    pub fn call(&self, name: &str, with: Value) -> Result<Value, Failure> {
        match self.door().call(name, with) {
            Answer::Ok { reply, .. } => Ok(reply.body().expect("a reply is JSON")),
            Answer::Fail(failure) => Err(failure),
        }
    }

    /// Calls `name`, which must be done.
    ///
    /// # Panics
    /// With the failure.
    pub fn ask(&self, name: &str, with: Value) -> Value {
        let shown = with.to_string();
        match self.call(name, with) {
            Ok(reply) => reply,
            Err(failure) => panic!("{name} {shown}: {failure:?} at {}", self.home.display()),
        }
    }

    /// Calls `name`, which must be refused; the failure has its two sentences without holes.
    ///
    /// # Panics
    /// When it is done, or a sentence is missing.
    pub fn refused(&self, name: &str, with: Value) -> Failure {
        let shown = with.to_string();
        match self.call(name, with) {
            Ok(reply) => panic!("{name} {shown} was done: {reply}"),
            Err(failure) => {
                for sentence in [&failure.zh, &failure.en] {
                    assert!(!sentence.is_empty() && !sentence.contains(['{', '}']), "{name}: {failure:?}");
                }
                failure
            }
        }
    }

    /// Exchanges with the county; both sides must agree.
    ///
    /// # Panics
    /// With the failure.
    pub fn sync(&self) -> Value {
        let report = self.ask("Sync", json!({}));
        assert_eq!(report["agreed"], true, "{report}");
        report
    }

    /// One family's page.
    pub fn household(&self, file: &Value) -> Value {
        self.ask("Household", json!({ "household": file }))
    }

    /// The files of the families of a place, in the list's order.
    pub fn files(&self, place: &str) -> Vec<Value> {
        let view = self.ask("Households", json!({ "place": place, "limit": 500 }));
        items(&view["rows"]).iter().map(|row| row["file"].clone()).collect()
    }

    /// Families on this desk.
    pub fn families(&self) -> u64 {
        self.ask("Households", json!({ "limit": 1 }))["total"].as_u64().expect("a number")
    }

    /// The home of whichever of two passphrases opens it, open, and that passphrase; exactly one of the two may.
    ///
    /// # Panics
    /// When both open it, neither does, or one is refused for another reason than that it is wrong.
    pub fn opened_by(home: &Path, clock: &str, either: [&'static str; 2], at: &str) -> (Self, &'static str) {
        let tries = either.map(|passphrase| {
            let seat = Self::before(home, clock);
            let opened = seat.call("Unlock", json!({ "passphrase": passphrase }));
            if let Err(failure) = &opened {
                assert_eq!(failure_code(failure), "WRONG_PASSPHRASE", "{at}");
            }
            (opened.is_ok(), passphrase)
        });
        let open: Vec<&'static str> =
            tries.into_iter().filter(|(open, _)| *open).map(|(_, passphrase)| passphrase).collect();
        let [passphrase] = open.as_slice() else { panic!("{at}: opened by {open:?}") };
        let seat = Self::before(home, clock);
        seat.ask("Unlock", json!({ "passphrase": passphrase }));
        (seat, passphrase)
    }

    /// Checks the whole home: every fact readable, live views equal to a rebuild. Returns the number of facts.
    ///
    /// # Panics
    /// When they are not.
    pub fn check(&self) -> u64 {
        let checked = self.door().desk().expect("an open desk").check().expect("a sound home");
        assert!(checked.views_equal, "the views of {} differ from a rebuild", self.home.display());
        checked.facts
    }

    /// Bytes kept on this desk, asked for by their blob view.
    ///
    /// # Panics
    /// When they are not there.
    pub fn blob(&self, view: &Value) -> Vec<u8> {
        let (_, bytes) = self.door().blob(text(&view["sha256"])).expect("a kept blob");
        assert_eq!(view["bytes"], json!(bytes.len()), "{view}");
        bytes
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

fn door(home: &Path, clock: &str) -> Door {
    // As in the product another program reads what comes from outside: the desk without a window.
    let reader = Reader::of(program("desk"));
    let clock = Some(moment(clock));
    Door::new(DoorOptions { home: home.to_owned(), clock, practice: true, reader, keyring: None })
}

/// The elements of a JSON list.
///
/// # Panics
/// When it is none.
pub fn items(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// The characters of a JSON text.
///
/// # Panics
/// When it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

/// A failure's code as it travels.
pub fn failure_code(failure: &Failure) -> String {
    text(&serde_json::to_value(failure).expect("JSON")["code"]).to_owned()
}

/// The field a failure names, or nothing.
pub fn field(failure: &Failure) -> &str {
    failure.field.as_deref().unwrap_or("")
}

/// The value without the members of these names, at any depth.
#[must_use]
pub fn without(mut value: Value, names: &[&str]) -> Value {
    fn strip(value: &mut Value, names: &[&str]) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !names.contains(&name.as_str()));
                members.values_mut().for_each(|member| strip(member, names));
            }
            Value::Array(elements) => elements.iter_mut().for_each(|element| strip(element, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut value, names);
    value
}

/// Where two values differ first, with both sides; nothing where they are equal.
pub fn difference(a: &Value, b: &Value) -> Option<String> {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let mut names: Vec<&String> = x.keys().chain(y.keys()).collect();
            names.sort();
            names.into_iter().find_map(|name| difference(&a[name], &b[name]).map(|at| format!("{name}.{at}")))
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            (0..x.len()).find_map(|at| difference(&x[at], &y[at]).map(|below| format!("{at}.{below}")))
        }
        _ => (a != b).then(|| format!(" {a} against {b}")),
    }
}

/// Bytes as a call takes them from a browser.
pub fn bytes(name: &str, bytes: &[u8]) -> Value {
    json!({ "name": name, "base64": base64::engine::general_purpose::STANDARD.encode(bytes) })
}

/// A small picture; each number gives another one.
///
/// # Panics
/// When it cannot be drawn, which no format does.
pub fn picture(number: u8, format: image::ImageFormat) -> Vec<u8> {
    let shade = |x: u32, y: u32| u8::try_from((x * 7 + y * 3) % 200).expect("a byte");
    let drawn = image::RgbImage::from_fn(32, 24, |x, y| image::Rgb([shade(x, y), number, 200_u8.wrapping_sub(number)]));
    let mut out = std::io::Cursor::new(Vec::new());
    drawn.write_to(&mut out, format).expect("a picture");
    out.into_inner()
}
