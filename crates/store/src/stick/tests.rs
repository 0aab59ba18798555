//! Sticks that fail in the ways a plain folder can be made to fail; real small, locked and lying ones are in the
//! package `tests`. After every failure the folder must be as it was.

use chrono::NaiveDate;

use super::*;
use crate::bundle::Limit;
use crate::folder::Folder;

fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(&folder.0).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

fn desk() -> BundleSecret {
    BundleSecret::of_seed(&[1; 32])
}

fn county() -> BundleSecret {
    BundleSecret::of_seed(&[2; 32])
}

fn kind(n: u8) -> NonZeroU8 {
    NonZeroU8::new(n).expect("a kind")
}

fn from<'a>(desk: &'a BundleSecret) -> Envelope<'a> {
    let made_on = NaiveDate::from_ymd_opt(2026, 11, 20).expect("a day");
    Envelope { from: desk, to: county().key(), direction: Direction::Up, made_on }
}

/// Puts three items in, the last larger than a frame.
fn fill(filler: &mut Filler<'_>) -> Result<(), StickFault> {
    for n in 1..=3 {
        filler.put(kind(n), &vec![n; usize::from(n) * 40_000])?;
    }
    Ok(())
}

fn written(folder: &Path, chance: u8) -> Result<Written, StickFault> {
    write(folder, &from(&desk()), &[chance; CHANCE], fill)
}

fn known(print: KeyPrint) -> Option<BundleKey> {
    Some(desk().key()).filter(|key| key.print() == print)
}

#[test]
fn a_bundle_is_written_listed_and_read() {
    let folder = Folder::fresh();
    let made = written(&folder.0, 0xab).expect("written");
    assert_eq!(names(&folder), ["入户-上报-abababab.ruhu"]);
    assert_eq!((made.items, made.bytes), (3, fs::metadata(&made.path).expect("a file").len()));
    assert_eq!(made.path, folder.0.join("入户-上报-abababab.ruhu"));

    let listed = list(&folder.0).expect("a list");
    let header = listed[0].header.as_ref().expect("a header");
    assert_eq!((header.id, header.receiver), (made.id, county().key().print()));
    assert_eq!((&listed[0].path, listed[0].bytes, listed.len()), (&made.path, made.bytes, 1));

    let mut opened = open(&made.path, &county(), known).expect("opens");
    let items: Vec<Item> = opened.by_ref().map(|item| item.expect("an item")).collect();
    assert!(opened.whole() && items.len() == 3 && items[2].bytes == vec![3; 120_000]);
    assert_eq!(check(&made.path, &county(), known).expect("whole"), 3);

    // The same again is refused and harms nothing; another stands beside it.
    let again = written(&folder.0, 0xab);
    assert!(matches!(again, Err(StickFault::Io(error)) if error.kind() == ErrorKind::AlreadyExists));
    written(&folder.0, 0xac).expect("written");
    assert_eq!(names(&folder), ["入户-上报-abababab.ruhu", "入户-上报-acacacac.ruhu"]);
    assert_eq!(check(&made.path, &county(), known).expect("whole"), 3);
}

#[test]
fn names_are_safe_on_every_file_system() {
    let header = Header {
        direction: Direction::Down,
        receiver: KeyPrint([1; 8]),
        sender: KeyPrint([2; 8]),
        id: BundleId([0xf0; 16]),
        made_on: NaiveDate::default(),
    };
    let name = name_of(&header);
    assert_eq!(name, "入户-下发-f0f0f0f0.ruhu");
    assert!(name.chars().count() == 19 && !name.contains(|c: char| "\\/:*?\"<>|".contains(c) || c.is_control()));
    assert!(is_ours_unproven(OsStr::new(&format!("{name}.part"))));
    for other in
        ["入户-下发-f0f0f0f0.ruhu", "入户-下发-.ruhu.part", "x.ruhu.part", "入户-下发-../../ab.ruhu.part", "a.part"]
    {
        assert!(!is_ours_unproven(OsStr::new(other)), "{other}");
    }
}

#[test]
fn what_does_not_read_back_is_not_kept() {
    let meddlers: [fn(&Path); 3] = [
        |path| {
            let mut bytes = fs::read(path).expect("a file");
            bytes[70_000] ^= 1;
            fs::write(path, bytes).expect("written");
        },
        |path| {
            let file = OpenOptions::new().write(true).open(path).expect("a file");
            file.set_len(file.metadata().expect("a length").len() - 4096).expect("shorter");
        },
        |path| {
            let mut file = OpenOptions::new().append(true).open(path).expect("a file");
            file.write_all(&[0; 4096]).expect("longer");
        },
    ];
    for meddle in meddlers {
        let folder = Folder::fresh();
        let result = write_and(&folder.0, &from(&desk()), &[1; CHANCE], fill, meddle);
        assert!(matches!(result, Err(StickFault::ReadBack)), "{result:?}");
        assert!(names(&folder).is_empty());
    }
}

#[test]
fn a_stick_that_is_pulled_out_is_gone_at_every_moment() {
    // While it is being filled.
    let folder = Folder::fresh();
    let result = write(&folder.0, &from(&desk()), &[1; CHANCE], |filler| {
        fill(filler)?;
        fs::remove_dir_all(&folder.0).map_err(StickFault::Io)
    });
    assert!(matches!(result, Err(StickFault::Gone)), "{result:?}");
    // Between writing and reading back.
    let folder = Folder::fresh();
    let away = |_: &Path| fs::remove_dir_all(&folder.0).expect("removed");
    let result = write_and(&folder.0, &from(&desk()), &[1; CHANCE], fill, away);
    assert!(matches!(result, Err(StickFault::Gone)), "{result:?}");
    // Before, and where there never was one.
    assert!(matches!(written(&folder.0, 1), Err(StickFault::NotAFolder)));
    assert!(matches!(list(&folder.0), Err(StickFault::NotAFolder)));
    assert!(matches!(open(&folder.0.join("x.ruhu"), &county(), known).err(), Some(StickFault::Gone)));
    let file = Folder::fresh();
    fs::write(file.0.join("file"), b"x").expect("written");
    assert!(matches!(written(&file.0.join("file"), 1), Err(StickFault::NotAFolder)));
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_takes_no_files_is_read_only() {
    // Nobody, root neither, makes files there; who runs without it has no such folder and is refused otherwise.
    let folder = Path::new("/sys/kernel");
    let result = written(folder, 1);
    assert!(matches!(result, Err(StickFault::ReadOnly)), "{result:?}");
}

#[test]
fn what_the_filler_cannot_give_undoes_the_file() {
    #[derive(Debug)]
    enum Own {
        Stick(StickFault),
        Photo,
    }
    impl From<StickFault> for Own {
        fn from(fault: StickFault) -> Self {
            Self::Stick(fault)
        }
    }
    let folder = Folder::fresh();
    let result = write(&folder.0, &from(&desk()), &[1; CHANCE], |filler| {
        filler.put(kind(1), b"one")?;
        assert_eq!((filler.items(), filler.fits(100), filler.size_with(100)), (1, true, 4096));
        Err(Own::Photo)
    });
    assert!(matches!(result, Err(Own::Photo)) && names(&folder).is_empty());
    let large = vec![0; 41 << 20];
    let result = write(&folder.0, &from(&desk()), &[1; CHANCE], |filler| Ok::<_, Own>(filler.put(kind(1), &large)?));
    let too_large = matches!(result, Err(Own::Stick(StickFault::Bundle(BundleFault::TooLarge(Limit::Item)))));
    assert!(too_large && names(&folder).is_empty());
}

#[test]
fn half_files_are_swept_and_nothing_else_is_touched() {
    let folder = Folder::fresh();
    for name in [
        "入户-上报-01234567.ruhu.part",
        "入户-下发-89abcdef.ruhu.part",
        "别人的.part",
        "入户-上报-x.ruhu.part",
        "账.xlsx",
    ] {
        fs::write(folder.0.join(name), b"half").expect("written");
    }
    // One of them is being written by another program.
    let busy = OpenOptions::new().write(true).open(folder.0.join("入户-下发-89abcdef.ruhu.part")).expect("a file");
    busy.lock().expect("locked");
    written(&folder.0, 1).expect("written");
    let mut left =
        ["入户-下发-89abcdef.ruhu.part", "别人的.part", "入户-上报-x.ruhu.part", "账.xlsx", "入户-上报-01010101.ruhu"];
    left.sort_unstable();
    assert_eq!(names(&folder), left);
}

#[test]
fn a_list_names_what_cannot_be_read_and_why() {
    let folder = Folder::fresh();
    let good = fs::read(written(&folder.0, 0xaa).expect("written").path).expect("a file");
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    let mut later = good.clone();
    later[12] = b'2';
    for (name, bytes) in [
        ("b-cut.ruhu", &good[..good.len() - 1000]),
        ("c-short.RUHU", &good[..50]),
        ("d-flipped.ruhu", &flipped[..]),
        ("e-later.ruhu", &later[..]),
        ("f-other.ruhu", b"PK\x03\x04"),
        ("g-empty.ruhu", b""),
        ("not-named-so.txt", &good[..]),
        (".hidden.ruhu", &good[..]),
    ] {
        fs::write(folder.0.join(name), bytes).expect("written");
    }
    fs::create_dir(folder.0.join("folder.ruhu")).expect("a folder");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", folder.0.join("link.ruhu")).expect("a link");
    let listed = list(&folder.0).expect("a list");
    let why: Vec<String> = listed
        .iter()
        .map(|listed| match &listed.header {
            Ok(header) => format!("{:?}", header.direction),
            Err(fault) => fault.to_string(),
        })
        .collect();
    let cut = format!("the bundle ends after {} bytes, before its end", good.len() - 1000);
    assert_eq!(
        why,
        [
            cut.as_str(),
            "the bundle ends after 50 bytes, before its end",
            "the bundle is damaged at byte 0",
            "the bundle is of a newer format (2)",
            "this is no bundle",
            "the bundle ends after 0 bytes, before its end",
            "Up",
        ]
    );
}

#[test]
fn reading_says_which_of_the_failures_it_is() {
    let folder = Folder::fresh();
    let made = written(&folder.0, 0xaa).expect("written");
    let good = fs::read(&made.path).expect("a file");
    let fault = |bytes: &[u8]| {
        fs::write(&made.path, bytes).expect("written");
        match check(&made.path, &county(), known) {
            Err(StickFault::Bundle(fault)) => fault,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(fault(&good[..100_000]), BundleFault::Cut { at: 100_000 }));
    let mut damaged = good.clone();
    damaged[200_000] ^= 1;
    assert!(matches!(fault(&damaged), BundleFault::Damaged { at } if at == 92 + 3 * 65_536));
    assert!(matches!(fault(b"PK"), BundleFault::NotABundle));
    fs::write(&made.path, &good).expect("written");
    let another = open(&made.path, &desk(), known).err();
    assert!(matches!(another, Some(StickFault::Bundle(BundleFault::ForAnother { .. }))));
    let unknown = open(&made.path, &county(), |_| None).err();
    assert!(matches!(unknown, Some(StickFault::Bundle(BundleFault::UnknownSender { .. }))));
    // Larger than any bundle, told before it is read; a file full of holes takes no room.
    let holes = File::create(folder.0.join("holes.ruhu")).expect("a file");
    (&holes).write_all(&good[..92]).expect("written");
    holes.set_len(MOST_BYTES + 4096).expect("holes");
    let large = check(&folder.0.join("holes.ruhu"), &county(), known);
    assert!(matches!(large, Err(StickFault::Bundle(BundleFault::TooLarge(Limit::Bytes)))));
    let listed = list(&folder.0).expect("a list");
    assert!(
        listed
            .iter()
            .any(|listed| { matches!(listed.header, Err(StickFault::Bundle(BundleFault::TooLarge(Limit::Bytes)))) })
    );
    #[cfg(unix)]
    {
        let link = folder.0.join("link.ruhu");
        std::os::unix::fs::symlink(&made.path, &link).expect("a link");
        assert!(matches!(open(&link, &county(), known).err(), Some(StickFault::Bundle(BundleFault::NotABundle))));
    }
}

#[test]
fn errors_of_the_system_are_told_apart() {
    let folder = Folder::fresh();
    let meant = |error: io::Error, needed| classify(error, &folder.0, needed);
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge] {
        let full = meant(kind.into(), Some(77));
        assert!(matches!(full, StickFault::Full { needed: 77, .. }), "{full:?}");
    }
    #[cfg(unix)]
    assert!(free(&folder.0).is_some_and(|bytes| bytes > 0));
    for kind in [ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied] {
        assert!(matches!(meant(kind.into(), Some(1)), StickFault::ReadOnly));
        // Whoever only reads needs no leave to write.
        assert!(matches!(meant(kind.into(), None), StickFault::Io(_)));
    }
    for kind in [ErrorKind::NotFound, ErrorKind::NotConnected, ErrorKind::StaleNetworkFileHandle] {
        assert!(matches!(meant(kind.into(), Some(1)), StickFault::Gone));
    }
    for number in GONE {
        assert!(matches!(meant(io::Error::from_raw_os_error(*number), None), StickFault::Gone));
    }
    assert!(matches!(meant(ErrorKind::Other.into(), Some(1)), StickFault::Io(_)), "the folder is still there");
    let away = classify(ErrorKind::Other.into(), &folder.0.join("a/b"), Some(1));
    assert!(matches!(away, StickFault::Gone), "{away:?}");
}
