//! The foot of a list: where one is in it, and how to go on.

use super::fields::Fields;
use super::show::count;

/// What a page shows of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    /// Items on this page.
    pub(crate) shown: usize,
    /// Items of each page before this one; none if they may have been fewer.
    pub(crate) each: Option<usize>,
    /// All items of the list, where that is known.
    pub(crate) total: Option<u64>,
}

/// The foot of a list.
#[derive(Clone, Debug)]
pub(crate) struct Pager {
    pub(crate) text: String,
    pub(crate) first: Option<String>,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
}

impl Pager {
    /// Under this part of a list. Lists are paged by where the next part begins, which says
    /// nothing of the parts before: the query keeps the way back, the cursor of this page first.
    pub(crate) fn new(path: &str, query: &Fields, part: Part, next: Option<&str>) -> Self {
        let others = query.without(&["cursor"]);
        let of = |way: &[String]| others.clone().and("cursor", way).after(path);
        let way = query.all("cursor");
        let before = way.split_first().map(|(_, before)| before);
        Self {
            text: told(part, &way, next.is_none()),
            first: (!way.is_empty()).then(|| of(&[])),
            previous: before.filter(|before| *before != [CUT]).map(of),
            next: next.map(|next| of(&longer(next, &way))),
        }
    }
}

/// Where a page is in its list, after this way: `51\u{2013}100 of 240`.
fn told(part: Part, way: &[String], is_last: bool) -> String {
    let shown = part.shown as u64;
    let is_cut = way.last().is_some_and(|last| last == CUT);
    let before = match (way.len(), part.each) {
        (0, _) => Some(0),
        (pages, Some(each)) if !is_cut => Some((pages * each) as u64),
        _ => None,
    };
    let Some(before) = before else {
        let page = count(way.len() as u64 + 1);
        let page = if is_cut { String::new() } else { format!("Page {page} \u{b7} ") };
        return format!("{page}{} on this page", count(shown));
    };
    let last = before + shown;
    let range = if shown == 1 {
        count(last)
    } else {
        format!("{}\u{2013}{}", count(before + 1), count(last))
    };
    // A total that was counted a moment before the page was made may be behind it.
    match part.total.map(|total| total.max(last)).or_else(|| is_last.then_some(last)) {
        Some(total) => format!("{range} of {}", count(total)),
        None => range,
    }
}

/// Stands at the end of a way back that was longer.
const CUT: &str = "-";
/// Bytes of a way back, about. An address has room for more, but not for everything.
const WAY: usize = 4_000;

/// The way back from the page after this one.
fn longer(next: &str, way: &[String]) -> Vec<String> {
    let known = way.strip_suffix(&[CUT.to_owned()]).unwrap_or(way);
    let mut longer = vec![next.to_owned()];
    let mut length = next.len();
    for cursor in known {
        length += cursor.len();
        if length > WAY {
            break;
        }
        longer.push(cursor.clone());
    }
    if longer.len() <= way.len() {
        longer.push(CUT.to_owned());
    }
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_know_the_way_back() {
        let part = Part { shown: 50, each: Some(50), total: None };
        let new =
            |query: &str, next| Pager::new("/p", &Fields::parse(query.as_bytes()), part, next);
        let first = new("q=x", Some("b"));
        assert_eq!((first.text.as_str(), first.first, first.previous), ("1\u{2013}50", None, None));
        assert_eq!(first.next.as_deref(), Some("/p?q=x&cursor=b"));
        let third = new("cursor=c&q=x&cursor=b", None);
        assert_eq!(third.text, "101\u{2013}150 of 150");
        assert_eq!((third.first.as_deref(), third.next), (Some("/p?q=x"), None));
        assert_eq!(third.previous.as_deref(), Some("/p?q=x&cursor=b"));
        let next = new("q=x&cursor=b", Some("c")).next.unwrap();
        assert_eq!(next, "/p?q=x&cursor=c&cursor=b");
    }

    #[test]
    fn a_page_says_where_it_is_in_its_list() {
        let told = |shown, each, total, way: &[&str], is_last| {
            let way: Vec<String> = way.iter().map(|&cursor| cursor.to_owned()).collect();
            told(Part { shown, each, total }, &way, is_last)
        };
        assert_eq!(told(50, Some(50), Some(1_240), &[], false), "1\u{2013}50 of 1\u{202f}240");
        assert_eq!(told(11, Some(50), None, &["b"], true), "51\u{2013}61 of 61");
        assert_eq!(told(1, Some(50), None, &[], true), "1 of 1");
        // Created since they were counted.
        assert_eq!(told(50, Some(50), Some(49), &[], false), "1\u{2013}50 of 50");
        // Pages before may have been short.
        assert_eq!(told(7, None, None, &[], false), "1\u{2013}7");
        assert_eq!(told(7, None, None, &["b"], true), "Page 2 \u{b7} 7 on this page");
        assert_eq!(told(7, Some(50), None, &["b", CUT], true), "7 on this page");
    }

    #[test]
    fn a_long_way_back_loses_its_beginning() {
        let one = Part { shown: 1, ..Part::default() };
        let mut query = Fields::default();
        for number in 1..30 {
            let cursor = format!("{number:0>999}");
            let next = Pager::new("/p", &query, one, Some(&cursor)).next.unwrap();
            assert!(next.len() < 5_000, "{}", next.len());
            query = Fields::parse(next.split_once('?').unwrap().1.as_bytes());
            let pager = Pager::new("/p", &query, one, None);
            assert_eq!(query.text("cursor"), cursor);
            assert_eq!(pager.text.starts_with("Page"), number < 5, "{number}: {}", pager.text);
            let each = Part { each: Some(1), ..one };
            let known = Pager::new("/p", &query, each, None).text;
            assert_eq!(known.starts_with(&(number + 1).to_string()), number < 5, "{known}");
            assert!(pager.first.is_some() && pager.previous.is_some());
        }
        // Back until it is not known any more.
        let mut steps = 0;
        while let Some(previous) = Pager::new("/p", &query, one, None).previous {
            query = Fields::parse(previous.split_once('?').unwrap().1.as_bytes());
            steps += 1;
        }
        assert_eq!((steps, query.text("cursor").trim_start_matches('0')), (3, "26"));
    }
}
