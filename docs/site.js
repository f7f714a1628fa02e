// What scrolls sideways on a narrow screen can be reached and scrolled by keyboard.
document$.subscribe(() =>
  setTimeout(() => {
    for (const region of document.querySelectorAll(".md-typeset__scrollwrap, pre > code")) {
      region.tabIndex = 0;
    }
  })
);
