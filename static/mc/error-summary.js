// Move focus to the summary of errors, and from its links into the field with the label in view.
(function () {
  "use strict";
  var summary = document.querySelector('[data-module="error-summary"]');
  if (!summary) return;
  summary.focus();
  summary.addEventListener("click", function (event) {
    var link = event.target.closest("a");
    var field = link && document.getElementById(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    (field.labels[0] || field).scrollIntoView();
    field.focus({ preventScroll: true });
  });
})();
