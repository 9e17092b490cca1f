# Cycles of an access by cause
# Draws cycles.csv into cycles.svg: run "gnuplot cycles.gp" in this folder.
set encoding utf8
set terminal svg size 960,232 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'cycles.svg'
set datafile separator comma
set decimalsign '.'
set border 3 linecolor rgb '#333C46' linewidth 1
set tics out nomirror scale 0.6 textcolor rgb '#333C46'
set grid ytics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xtics offset 0,0.35
set ytics offset 0.5,0
unset key
set arrow from screen 0.08125, 0.91379 to screen 0.10833, 0.91379 nohead front linewidth 2.5 dashtype solid linecolor rgb '#E6EAEE'
set label 'access' at screen 0.11563, 0.91379 left front textcolor rgb '#333C46'
set arrow from screen 0.18771, 0.91379 to screen 0.21479, 0.91379 nohead front linewidth 2.5 dashtype solid linecolor rgb '#56B4E9'
set label 'TLB hits' at screen 0.22208, 0.91379 left front textcolor rgb '#333C46'
set arrow from screen 0.31125, 0.91379 to screen 0.33833, 0.91379 nohead front linewidth 2.5 dashtype solid linecolor rgb '#0072B2'
set label 'walks' at screen 0.34562, 0.91379 left front textcolor rgb '#333C46'
set arrow from screen 0.40917, 0.91379 to screen 0.43625, 0.91379 nohead front linewidth 2.5 dashtype solid linecolor rgb '#009E73'
set label 'page faults' at screen 0.44354, 0.91379 left front textcolor rgb '#333C46'
set arrow from screen 0.55833, 0.91379 to screen 0.58542, 0.91379 nohead front linewidth 2.5 dashtype solid linecolor rgb '#D55E00'
set label 'exits for memory' at screen 0.59271, 0.91379 left front textcolor rgb '#333C46'
set arrow from screen 0.75021, 0.91379 to screen 0.77729, 0.91379 nohead front linewidth 2.5 dashtype solid linecolor rgb '#E69F00'
set label 'other exits' at screen 0.78458, 0.91379 left front textcolor rgb '#333C46'
set lmargin at screen 0.18688; set rmargin at screen 0.96875
set tmargin at screen 0.79310; set bmargin at screen 0.27586
set yrange [4.300:-0.3]
set ytics ('web (nested)' 0.5, 'database (shadow)' 1.5, 'w1 (nested)' 2.5, 'w2 (nested)' 3.5) scale 0
unset grid; set grid xtics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xrange [0:84.52628761235955]
set xlabel 'Cycles an access' offset 0,0.8 textcolor rgb '#333C46'
set label '52.3' at first 52.31024494382022, first 0.5 offset character 0.7,0 left textcolor rgb '#333C46'
set label '73.5' at first 73.50111966292135, first 1.5 offset character 0.7,0 left textcolor rgb '#333C46'
set label '43.8' at first 43.827336318157435, first 2.5 offset character 0.7,0 left textcolor rgb '#333C46'
set label '44.2' at first 44.249784686221574, first 3.5 offset character 0.7,0 left textcolor rgb '#333C46'
plot 'cycles.csv' skip 1 using (0):($0+0.5):(0):((0)+$2):($0+0.18):($0+0.82) with boxxyerror fillstyle solid noborder fillcolor rgb '#E6EAEE', \
  'cycles.csv' skip 1 using ($2):($0+0.5):($2):(($2)+$3):($0+0.18):($0+0.82) with boxxyerror fillstyle solid noborder fillcolor rgb '#56B4E9', \
  'cycles.csv' skip 1 using ($2+$3):($0+0.5):($2+$3):(($2+$3)+$4):($0+0.18):($0+0.82) with boxxyerror fillstyle solid noborder fillcolor rgb '#0072B2', \
  'cycles.csv' skip 1 using ($2+$3+$4):($0+0.5):($2+$3+$4):(($2+$3+$4)+$5):($0+0.18):($0+0.82) with boxxyerror fillstyle solid noborder fillcolor rgb '#009E73', \
  'cycles.csv' skip 1 using ($2+$3+$4+$5+$6):($0+0.5):($2+$3+$4+$5+$6):(($2+$3+$4+$5+$6)+$7):($0+0.18):($0+0.82) with boxxyerror fillstyle solid noborder fillcolor rgb '#D55E00', \
  'cycles.csv' skip 1 using ($2+$3+$4+$5+$6+$7+$8):($0+0.5):($2+$3+$4+$5+$6+$7+$8):(($2+$3+$4+$5+$6+$7+$8)+$9):($0+0.18):($0+0.82) with boxxyerror fillstyle solid noborder fillcolor rgb '#E69F00'
