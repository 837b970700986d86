// Search as you type. Without this script the form submits and the same page comes back with results.
(function () {
  "use strict";
  var form = document.querySelector('[data-module="source-search"]');
  var results = document.getElementById("results");
  if (!form || !results || !window.fetch || !window.AbortController) return;

  var input = form.querySelector("input");
  var announcement = document.getElementById("announcement");
  var recommended = document.getElementById("recommended");
  var WAIT_MS = 120;
  var shown = input.value.trim();
  var timer, request;

  input.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(search, WAIT_MS);
  });

  function search() {
    var query = input.value.trim();
    if (query === shown) return;
    if (request) request.abort(); // a late answer must not replace a newer one
    request = new AbortController();
    var url = form.action + "?q=" + encodeURIComponent(query);
    fetch(url + "&fragment", { signal: request.signal, credentials: "same-origin", redirect: "error" })
      .then(function (answer) {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text();
      })
      .then(function (html) {
        show(query, html, url);
      })
      .catch(function (error) {
        if (error.name !== "AbortError") form.submit();
      });
  }

  function show(query, html, url) {
    shown = query;
    results.innerHTML = html;
    if (recommended) recommended.hidden = query !== "";
    // The address follows, so that coming back from the next page finds the same results.
    history.replaceState(null, "", query ? url : form.action);
    var title = results.querySelector("h2");
    announcement.textContent = title ? title.textContent : "";
  }
})();
