// Search as you type. Without this script the form submits and the same page comes back with results.
(function () {
  "use strict";
  var form = document.querySelector('[data-module="source-search"]');
  var results = document.getElementById("results");
  if (!form || !results || !window.fetch || !window.AbortController) return;

  var input = form.querySelector("input");
  var announcement = document.getElementById("announcement");
  var introduction = [document.getElementById("recommended"), document.getElementById("lead")].filter(Boolean);
  var page = form.action.split("#")[0];
  var WAIT_MS = 120;
  var shown = input.value.trim();
  var timer, request;

  input.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(search, WAIT_MS);
  });

  // Enter and the button lead to the results, where typing has shown them already.
  form.addEventListener("submit", function (event) {
    if (!input.value.trim()) return; // the server says what is missing
    event.preventDefault();
    clearTimeout(timer);
    search(function () {
      var title = document.getElementById("results-title");
      if (title) title.focus();
    });
  });

  function search(then) {
    var query = input.value.trim();
    if (query === shown) return then && then();
    if (request) request.abort(); // a late answer must not replace a newer one
    request = new AbortController();
    var url = page + "?q=" + encodeURIComponent(query);
    fetch(url + "&fragment", { signal: request.signal, credentials: "same-origin", redirect: "error" })
      .then(function (answer) {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text();
      })
      .then(function (html) {
        show(query, html, url);
        if (then) then();
      })
      .catch(function (error) {
        if (error.name !== "AbortError") form.submit();
      });
  }

  function show(query, html, url) {
    shown = query;
    results.innerHTML = html;
    introduction.forEach(function (element) {
      element.hidden = query !== "";
    });
    // The address follows, so that coming back from the next page finds the same results.
    history.replaceState(null, "", query ? url : page);
    var title = document.getElementById("results-title");
    announcement.textContent = title ? title.textContent : "";
  }
})();
