// Where speculation pays: the members of the front with their drafts, and why each drafts or decodes alone.
import { fill, h } from './dom.js';
import { table } from './table.js';

/** @typedef {NonNullable<Member['outlook']>} Outlook */

/** @param {ReportData} data @param {import('./state.js').State} state */
export function speculationSection(data, state) {
  const element = h('div');
  /** @param {ReportData} next */
  const render = ({ members }) => {
    /** @type {{ member: Member, outlook: Outlook }[]} */
    const rows = members.flatMap((member) =>
      member.outlook === undefined ? [] : [{ member, outlook: member.outlook }],
    );
    /** @param {Outlook} outlook */
    const gain = ({ speculation }) =>
      speculation === undefined || speculation.draftLength === 0 ? 1 : speculation.speedup;
    const nPaying = rows.filter(({ outlook }) => gain(outlook) > 1).length;
    fill(
      element,
      h('p', {}, `Speculation pays for ${nPaying} of the ${rows.length} members shown.`),
      table({
        caption: 'Speculation on the front',
        columns: [
          {
            label: 'Candidate',
            align: 'left',
            cell: ({ member }) =>
              h(
                'button',
                {
                  type: 'button',
                  class: 'link',
                  onclick: () => state.set({ candidate: member.candidate }),
                },
                String(member.candidate),
              ),
            sort: ({ member }) => member.candidate,
          },
          { label: 'Draft', align: 'left', cell: ({ outlook }) => outlook.draft },
          {
            label: 'Tokens a round',
            cell: ({ outlook }) => outlook.speculation?.tokensPerRound.toFixed(2) ?? '-',
          },
          {
            label: 'Acceptance',
            cell: ({ outlook }) => outlook.speculation?.acceptance.toFixed(3) ?? '-',
            sort: ({ outlook }) => outlook.speculation?.acceptance,
          },
          {
            label: 'Expected',
            title: 'acceptance that sizes alone let expect',
            cell: ({ outlook }) => outlook.speculation?.expectedAcceptance.toFixed(3) ?? '-',
          },
          {
            label: 'Speed-up',
            title: 'decoding over the target alone',
            cell: ({ outlook }) => (gain(outlook) > 1 ? `${gain(outlook).toFixed(2)}x` : 'alone'),
            sort: ({ outlook }) => gain(outlook),
          },
          {
            label: 'Why',
            align: 'left',
            cell: ({ outlook }) => h('p', { class: 'reason' }, outlook.sentence),
          },
        ],
        rows,
      }),
    );
  };
  render(data);
  return { element, update: render };
}
