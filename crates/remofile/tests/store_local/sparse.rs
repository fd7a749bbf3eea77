//! Files with holes.

use super::support::{LARGE, Tree, code, create, path};
use remofile::store::{Extent, ReadStore, ResumeAt, ResumeStore, Source, StagePlan};
use remofile_protocol::wire::ErrorCode;
use std::os::unix::fs::{FileExt, MetadataExt};

/// More than any file system has in a block.
const BLOCK: u64 = 1024 * 1024;

/// Data, a hole, data, and a hole at the end.
fn sparse_file(tree: &Tree) -> Box<dyn Source> {
    let file = std::fs::OpenOptions::new().create_new(true).write(true).open(tree.local("file")).expect("a file");
    file.write_all_at(&[1; BLOCK as usize], 0).expect("a write");
    file.write_all_at(&[2; BLOCK as usize], 5 * BLOCK).expect("a write");
    file.set_len(9 * BLOCK).expect("a longer file");
    tree.store.open(&path("/file")).expect("a source")
}

fn extents(source: &dyn Source) -> Vec<Extent> {
    let (mut offset, mut found) = (0, Vec::new());
    while offset < source.entry().size {
        let extent = source.extent_at(offset).expect("an extent");
        let (Extent::Data(length) | Extent::Hole(length)) = extent;
        assert!(length > 0);
        offset += length;
        found.push(extent);
    }
    assert_eq!(offset, source.entry().size);
    found
}

/// Reports whether the file system saves the room of holes.
fn knows_holes() -> bool {
    let tree = Tree::new();
    drop(sparse_file(&tree));
    let metadata = tree.local("file").metadata().expect("a file");
    metadata.blocks() * 512 < metadata.size()
}

#[test]
fn extents_are_told_until_the_end_of_the_file() {
    let tree = Tree::new();
    let source = sparse_file(&tree);
    let found = extents(&*source);
    for offset in [9 * BLOCK, 10 * BLOCK, u64::MAX] {
        assert_eq!(source.extent_at(offset).unwrap(), Extent::Data(0));
    }
    let mut bytes = [9; 10];
    assert_eq!(source.read_at(&mut bytes, 5 * BLOCK).unwrap(), 10);
    assert_eq!(bytes, [2; 10], "to look for holes does not move what is read");
    if knows_holes() {
        use Extent::{Data, Hole};
        assert_eq!(found, [Data(BLOCK), Hole(4 * BLOCK), Data(BLOCK), Hole(3 * BLOCK)]);
        assert_eq!(source.extent_at(BLOCK - 1).unwrap(), Data(1));
        assert_eq!(source.extent_at(2 * BLOCK).unwrap(), Hole(3 * BLOCK));
        assert_eq!(source.extent_at(9 * BLOCK - 1).unwrap(), Hole(1));
    }
}

#[test]
fn a_file_without_holes_is_data_and_an_empty_one_has_none() {
    let tree = Tree::new();
    std::fs::write(tree.local("full"), [1; 10_000]).unwrap();
    std::fs::write(tree.local("empty"), "").unwrap();
    assert_eq!(tree.store.open(&path("/full")).unwrap().extent_at(0).unwrap(), Extent::Data(10_000));
    assert_eq!(tree.store.open(&path("/empty")).unwrap().extent_at(0).unwrap(), Extent::Data(0));
}

#[test]
fn holes_are_written_as_holes_in_every_kind_of_staged_file() {
    let plans = [create(9 * BLOCK), create(1), StagePlan { size: None, ..create(0) }];
    for plan in plans {
        let tree = Tree::new();
        let mut staged = tree.stage("/file", plan).unwrap();
        staged.write(&[1; BLOCK as usize]).unwrap();
        staged.write_hole(0).unwrap();
        staged.write_hole(BLOCK).unwrap();
        staged.write_hole(3 * BLOCK).unwrap();
        staged.write(&[2; BLOCK as usize]).unwrap();
        staged.write_hole(3 * BLOCK).unwrap();
        staged.commit().unwrap();
        let mut expected = vec![0; 9 * BLOCK as usize];
        expected[..BLOCK as usize].fill(1);
        expected[5 * BLOCK as usize..6 * BLOCK as usize].fill(2);
        assert!(tree.read("/file").unwrap() == expected);
        if knows_holes() {
            let blocks = tree.local("file").metadata().unwrap().blocks();
            assert!(blocks * 512 <= 2 * BLOCK + BLOCK / 4, "{blocks}");
        }
    }
}

#[test]
fn a_hole_beyond_all_files_is_refused() {
    let tree = Tree::new();
    let mut staged = tree.stage("/file", create(LARGE)).unwrap();
    staged.write(b"x").unwrap();
    for bytes in [u64::MAX, i64::MAX as u64, i64::MAX as u64 - 1] {
        assert!(matches!(code(staged.write_hole(bytes)), Some(ErrorCode::FileTooLarge | ErrorCode::Other)));
    }
    staged.commit().unwrap();
    assert_eq!(tree.read("/file").unwrap(), b"x");
}

#[test]
fn an_interruption_after_a_hole_keeps_it() {
    let tree = Tree::new();
    let mut staged = tree.stage("/file", create(9 * BLOCK)).unwrap();
    staged.write(b"x").unwrap();
    staged.write_hole(2 * BLOCK).unwrap();
    staged.retain_partial();
    let kept = tree.store.partials().unwrap().remove(0);
    assert_eq!(kept.received, 2 * BLOCK + 1);
    let source = tree.store.read_partial(&path("/file")).unwrap();
    assert_eq!(extents(&*source).len(), if knows_holes() { 2 } else { 1 });

    let resume = Some(ResumeAt { offset: BLOCK, version: kept.version });
    let mut staged = tree.stage("/file", StagePlan { resume, ..create(9 * BLOCK) }).unwrap();
    staged.write_hole(1).unwrap();
    staged.write(b"y").unwrap();
    staged.commit().unwrap();
    let bytes = tree.read("/file").unwrap();
    assert_eq!((bytes.len() as u64, bytes[0], bytes[BLOCK as usize + 1]), (BLOCK + 2, b'x', b'y'));
    assert_eq!(bytes.iter().filter(|&&byte| byte != 0).count(), 2);
}
