//! Papers: who may bring one, who may have it, and that it is the one its hash names.

use domain::blob::{MOST_BLOB, Piece, Stand};
use domain::enrol::Refusal;
use domain::ids::{FileId, Sha};
use domain::words::{Line, Role, Section};

use super::{World, family};
use crate::{Clock, County};

const VILLAGE: &str = "410490101201";

/// The rest of a blob from an offset on.
fn piece(sha: Sha, file: FileId, whole: &[u8], from: usize) -> Piece {
    let size = |n: usize| u64::try_from(n).expect("a size");
    Piece { sha, file, section: Section::Core, size: size(whole.len()), from: size(from) }
}

#[test]
fn a_paper_goes_to_whoever_sees_its_section() {
    let mut world = World::new("papers");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let hao = world.join("hao", Role::SchoolDirector, &[]);
    let facts = [
        op.place(family(1), VILLAGE),
        op.place(family(2), "410490101202"),
        op.assign(VILLAGE, Line::Education, "zhou"),
    ];
    op.push(&world.county, &facts).expect("taken");
    let county = &world.county;
    let photo = b"a photo of a signed receipt".to_vec();
    let sha = Sha::of(&photo);
    let put =
        |desk: &super::Desk, file, bytes: &[u8]| county.take_blob(desk.device, &piece(sha, file, bytes, 0), bytes);
    let kept = |size| Ok(Stand { have: size, kept: true, ..Stand::default() });
    let lying = Stand { have: 0, refused: Some(Refusal::WrongBytes), ..Stand::default() };
    assert_eq!(put(&zhou, family(1), b"another photo"), Ok(lying));
    assert_eq!(put(&zhou, family(2), &photo), Err(Refusal::NotAllowed));
    assert_eq!(put(&hao, family(1), &photo), Err(Refusal::NotAllowed));
    assert_eq!(county.blob(zhou.device, sha, 0, None), Err(Refusal::NotFound));
    assert_eq!(put(&zhou, family(1), &photo), kept(27));
    assert_eq!(put(&zhou, family(1), &photo), kept(27), "again");
    for desk in [&zhou, &op] {
        assert_eq!(county.blob(desk.device, sha, 0, None).expect("a paper").bytes, photo);
    }
    let part = county.blob(op.device, sha, 8, Some(5)).expect("a part");
    assert_eq!((part.bytes.as_slice(), part.from, part.size), (&photo[8..13], 8, 27));
    assert_eq!(county.blob(op.device, sha, 28, None), Err(Refusal::Malformed));
    assert_eq!(county.blob(hao.device, sha, 0, None), Err(Refusal::NotAllowed));
    // The family goes to Hao, who now sees it; Zhou no longer does.
    zhou.pull(&world);
    let visit = [zhou.visit(family(1))];
    assert_eq!(zhou.push(&world.county, &visit).expect("taken").acks[0].held, [0; 0]);
    let facts = [op.assign(VILLAGE, Line::Education, "hao")];
    op.push(&world.county, &facts).expect("taken");
    assert_eq!(world.county.blob(hao.device, sha, 0, None).expect("a paper").bytes, photo);
    assert_eq!(world.county.blob(zhou.device, sha, 0, None), Err(Refusal::NotAllowed));
    // What belongs to work of Zhou's that was let through still comes home, and nothing else does.
    let late = b"taken before the village was reassigned";
    let late_piece = |file| piece(Sha::of(late), file, late, 0);
    let put = |desk: &super::Desk, file| world.county.take_blob(desk.device, &late_piece(file), late);
    assert_eq!(put(&zhou, family(1)), kept(39));
    assert_eq!(put(&zhou, family(2)), Err(Refusal::NotAllowed));
    assert_eq!(world.county.blob(hao.device, Sha::of(late), 0, None).expect("a paper").bytes, late);
}

#[test]
fn a_paper_comes_in_pieces_and_never_misplaced() {
    let mut world = World::new("pieces");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let facts = [op.place(family(1), VILLAGE)];
    op.push(&world.county, &facts).expect("taken");
    let photo: Vec<u8> = (0..100_000_u32).map(|n| u8::try_from(n * 7 % 251).expect("a byte")).collect();
    let sha = Sha::of(&photo);
    let at = |from| piece(sha, family(1), &photo, from);
    let stand = |have| Stand { have, ..Stand::default() };
    let kept = Stand { have: 100_000, kept: true, ..Stand::default() };
    let gap = |have| Stand { have, refused: Some(Refusal::Gap), ..Stand::default() };

    let county = &world.county;
    assert_eq!(county.blob_stand(op.device, &at(0)), Ok(stand(0)));
    assert_eq!(county.take_blob(op.device, &at(5), &photo[5..10]), Ok(gap(0)), "nothing is there to follow");
    assert_eq!(county.take_blob(op.device, &at(0), &photo[..40_000]), Ok(stand(40_000)));
    assert_eq!(county.take_blob(op.device, &at(40_001), &photo[40_001..]), Ok(gap(40_000)));
    assert_eq!(county.take_blob(op.device, &at(0), &photo[..10]), Ok(stand(40_000)), "old bytes again");
    assert_eq!(county.take_blob(op.device, &at(30_000), &photo[30_000..50_000]), Ok(stand(50_000)), "old and new");
    assert_eq!(county.take_blob(op.device, &at(50_000), &[]), Ok(stand(50_000)));
    assert_eq!(county.take_blob(op.device, &at(99_999), &[0; 2]), Err(Refusal::Malformed), "beyond its end");
    // Another device knows the hash: it has sent nothing of it.
    let other = world.join("op2", Role::CentreOperator, &[]);
    let county = &world.county;
    assert_eq!(county.blob_stand(other.device, &at(0)), Ok(stand(0)));
    assert_eq!(county.blob(op.device, sha, 0, None), Err(Refusal::NotFound), "not whole, not shown");

    // The county is restarted: what came is still there.
    let clock = Clock::by_hand(std::sync::Arc::clone(&world.time));
    world.county = County::open(&world.home.0, clock).expect("the county").telling(|fault| panic!("{fault:?}"));
    let county = &world.county;
    assert_eq!(county.blob_stand(op.device, &at(0)), Ok(stand(50_000)));
    assert_eq!(county.take_blob(op.device, &at(50_000), &photo[50_000..]), Ok(kept));
    assert_eq!(county.blob_stand(op.device, &at(0)), Ok(kept));
    assert_eq!(county.blob(op.device, sha, 0, None).expect("a paper").bytes, photo);
    // The other device sends all of it before it is its own.
    assert_eq!(county.blob_stand(other.device, &piece(sha, family(2), &photo, 0)), Ok(stand(0)));

    // A lying hash: dropped when whole, and free to begin again.
    let wrong = Sha::of(b"something else");
    let lie = |from| piece(wrong, family(1), &photo, from);
    assert_eq!(county.take_blob(op.device, &lie(0), &photo[..99_999]), Ok(stand(99_999)));
    let refused = Stand { have: 0, refused: Some(Refusal::WrongBytes), ..Stand::default() };
    assert_eq!(county.take_blob(op.device, &lie(99_999), &photo[99_999..]), Ok(refused));
    assert_eq!(county.blob(op.device, wrong, 0, None), Err(Refusal::NotFound));
    assert_eq!(county.blob_stand(op.device, &lie(0)), Ok(stand(0)));
    let true_one = Piece { size: 14, ..lie(0) };
    let done = Stand { have: 14, kept: true, ..Stand::default() };
    assert_eq!(county.take_blob(op.device, &true_one, b"something else"), Ok(done));
    // A blob of nothing is whole at once.
    let empty = piece(Sha::of(b""), family(1), b"", 0);
    assert_eq!(county.take_blob(op.device, &empty, &[]), Ok(Stand { have: 0, kept: true, ..Stand::default() }));
}

#[test]
fn parts_have_limits_and_leave() {
    let mut world = World::new("parts");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let facts = [op.place(family(1), VILLAGE)];
    op.push(&world.county, &facts).expect("taken");
    let county = &world.county;
    let named = |n: u8| Piece { size: MOST_BLOB, ..piece(Sha([n; 32]), family(1), &[], 0) };
    let have = |n: u8| county.blob_stand(op.device, &named(n)).expect("a stand").have;
    assert_eq!(county.take_blob(op.device, &Piece { size: MOST_BLOB + 1, ..named(1) }, &[0]), Err(Refusal::TooLarge));
    // By count: the longest untouched gives way.
    for n in 1..=8 {
        world.pass(1);
        county.take_blob(op.device, &named(n), &[0; 10]).expect("taken");
    }
    world.pass(1);
    county.take_blob(op.device, &Piece { from: 10, ..named(1) }, &[0; 10]).expect("taken");
    world.pass(1);
    county.take_blob(op.device, &named(9), &[0; 10]).expect("taken");
    assert_eq!((have(1), have(2), have(3), have(9)), (20, 0, 10, 10));
    // By bytes: 48 MiB.
    let much = vec![0; 18 * 1024 * 1024];
    for n in 10..=12 {
        world.pass(1);
        county.take_blob(op.device, &named(n), &much).expect("taken");
    }
    assert_eq!((have(9), have(10), have(11), have(12)), (0, 0, 18 * 1024 * 1024, 18 * 1024 * 1024));
    // By age.
    world.pass(30 * 86_400_000 + 1);
    county.take_blob(op.device, &named(13), &[0; 10]).expect("taken");
    assert_eq!((have(11), have(12), have(13)), (0, 0, 10));
    // One hash said with another size: it begins again with that.
    county.take_blob(op.device, &Piece { size: 500, ..named(13) }, &[0; 5]).expect("taken");
    assert_eq!(have(13), 5);
}
