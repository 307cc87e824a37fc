(() => {
  // Once a page, whichever table comes first: the package DataTables, as a module.
  window.vippsreconTables ??= (async () => {
    const packed = Uint8Array.from(atob("BUNDLE"), character => character.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const url = URL.createObjectURL(
      new Blob([await new Response(unpacked).arrayBuffer()], { type: "text/javascript" })
    );
    try {
      return (await import(url)).jQuery;
    } finally {
      URL.revokeObjectURL(url);
    }
  })();
  window.vippsreconTables.then(jQuery => {
    // All of them: JupyterLab can show one output in two places.
    for (const table of document.querySelectorAll("#TABLE_ID:not(.dataTable)")) {
      table.parentElement.className = "vr-pages";
      new jQuery.fn.dataTable(table, {
        autoWidth: false,
        order: [],
        pageLength: 15,
        lengthMenu: [15, 50, 200],
        layout: { topStart: "search", topEnd: "pageLength", bottomStart: "info", bottomEnd: "paging" },
        language: TABLE_WORDS,
      });
    }
  });
})();
