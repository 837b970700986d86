// A second press within a second is a slip of the finger. The server copes with it; this spares the wait.
(function () {
  "use strict";
  document.querySelectorAll('[data-module="once"]').forEach(function (form) {
    var last = 0;
    form.addEventListener("submit", function (event) {
      var now = Date.now();
      if (now - last < 1000) event.preventDefault();
      last = now;
    });
  });
})();
