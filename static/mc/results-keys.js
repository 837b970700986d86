// Arrow keys lead from the search field into the results and through them, Escape leads back. Tab works as ever.
(function () {
  "use strict";
  var field = document.getElementById("id_q");
  var results = document.getElementById("results");
  if (!field || !results) return;

  document.addEventListener("keydown", function (event) {
    var isInside = results.contains(document.activeElement);
    if (!isInside && document.activeElement !== field) return;
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing) return;
    var next = target(event.key, isInside);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });

  function target(key, isInside) {
    var stops = Array.from(results.querySelectorAll("a[href]"));
    var at = stops.indexOf(document.activeElement);
    if (key === "ArrowDown") return stops[at + 1];
    if (key === "ArrowUp" && isInside) return at > 0 ? stops[at - 1] : field;
    return key === "Escape" && isInside ? field : null;
  }
})();
