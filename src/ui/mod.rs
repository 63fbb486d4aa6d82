//! The page. The only module that knows a browser.
