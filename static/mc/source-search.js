// Search as you type. Without this script the form submits and the same page comes back with results.
(function () {
  "use strict";
  var form = document.querySelector('[data-module="source-search"]');
  var results = document.getElementById("results");
  if (!form || !results || !window.fetch || !window.AbortController) return;

  var words = form.elements.q, near = form.elements.near;
  var announcement = document.getElementById("announcement");
  var introduction = ["recommended", "used-before", "lead"].map(function (id) {
    return document.getElementById(id);
  }).filter(Boolean);
  var page = form.action.split("#")[0];
  var WAIT_MS = 80; // with the way there and back, results are there 150 ms after the last key
  var WHOLE_CODE = /^\d{5}(-?\d{4})?$/;
  var shown = key(address());
  var timer, request;

  form.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(search, WAIT_MS);
  });

  form.addEventListener("moved", function () { // near-me.js has found or forgotten the position
    search();
  });

  // Enter and the button lead to the results, where typing has shown them already.
  form.addEventListener("submit", function (event) {
    if (!words.value.trim() && !near.value.trim() && !form.dataset.position) return; // the server says what is missing
    event.preventDefault();
    clearTimeout(timer);
    load(address(true), function () {
      focusOn(document.getElementById("near-problem") ? near : document.getElementById("results-title"));
    });
  });

  results.addEventListener("click", function (event) {
    var more = event.target.closest("#more");
    if (!more || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    load(more.href.split("#")[0], function () {
      focusOn(results.querySelector(more.hash + " a"));
    });
  });

  function search() {
    var wanted = address();
    if (key(wanted) === shown) return request && request.abort();
    load(wanted);
  }

  // An unfinished ZIP code counts only for who says that it is finished.
  function address(isFinished) {
    var query = new URLSearchParams();
    var code = near.value.trim();
    if (words.value.trim()) query.set("q", words.value.trim());
    if (code && (isFinished || WHOLE_CODE.test(code))) query.set("near", code);
    return page + (query.toString() ? "?" + query : "");
  }

  function key(url) {
    return url + " " + (form.dataset.position || "");
  }

  function load(url, then) {
    if (request) request.abort(); // a late answer must not replace a newer one
    var mine = request = new AbortController();
    var wanted = key(url);
    // The position goes in a header: it must not stand in any history or log.
    var headers = form.dataset.position ? { "X-Position": form.dataset.position } : {};
    var options = { headers: headers, signal: mine.signal, credentials: "same-origin", redirect: "error" };
    fetch(url + (url.indexOf("?") < 0 ? "?" : "&") + "fragment", options)
      .then(function (answer) {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text();
      })
      .then(function (html) {
        if (mine !== request || mine.signal.aborted) return;
        shown = wanted;
        show(html, url);
        if (then) then();
      })
      .catch(function (error) {
        if (error.name !== "AbortError") form.submit();
      });
  }

  function show(html, url) {
    results.innerHTML = html;
    var title = document.getElementById("results-title");
    var problem = document.getElementById("near-problem");
    introduction.forEach(function (element) {
      element.hidden = Boolean(title);
    });
    // The address follows, so that coming back from the next page finds the same results.
    history.replaceState(null, "", url);
    tellAtCode(problem ? problem.textContent : "");
    announcement.textContent = [problem, title].filter(Boolean).map(function (one) {
      return one.textContent;
    }).join(" ");
  }

  // What is wrong with the ZIP code stands where the server would have put it.
  function tellAtCode(problem) {
    var field = near.closest(".mc-field");
    var old = document.getElementById("id_near_error");
    if (old) old.remove();
    field.classList.toggle("mc-field--error", Boolean(problem));
    near[problem ? "setAttribute" : "removeAttribute"]("aria-invalid", "true");
    near[problem ? "setAttribute" : "removeAttribute"]("aria-describedby", "id_near_error");
    if (!problem) return;
    var told = document.createElement("p");
    told.className = "mc-error";
    told.id = "id_near_error";
    told.textContent = problem;
    near.parentElement.before(told);
  }

  function focusOn(element) {
    if (element) element.focus();
  }
})();
